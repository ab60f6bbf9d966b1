// Checks of what callers pass; each throws LK_INVALID_ARGUMENT with a text that
// names the argument, its value and what is allowed.
#pragma once

#include "image.h"
#include "job.h"
#include "lkstream.h"

namespace lk {

void check_not_null(const void* pointer, const char* name);
// Of a struct: it must be 0, so that a later version can give it a meaning.
void check_unused(uint32_t value);
void check_options(const lk_flow_options&);
void check_options(const lk_detect_options&);

// The lists of a flow request: none of n > 0 points may be null.
void check_lists(const FlowRequest&);
void check_lists(const DetectRequest&);
void check_lists(const WindowsRequest&, bool are_compared);

Image checked_grey(const lk_image&, uint32_t max_pixels);
// A frame may be a JPEG, too.
void check_frame(const lk_image&, uint32_t max_pixels);
// Without data: everywhere.
Image checked_mask(const lk_image&);
void check_mask_size(const Image& mask, int width, int height);

}  // namespace lk
