// Checks of what callers pass; each throws LK_INVALID_ARGUMENT with a text that
// names the argument, its value and what is allowed.
#pragma once

#include "engine.h"

namespace lk {

void check_not_null(const void* pointer, const char* name);
void check_options(const lk_flow_options&);
void check_options(const lk_detect_options&);

// The lists of a flow request: none of n > 0 points may be null.
void check_lists(const FlowRequest&);
void check_lists(const DetectRequest&);

Image checked_image(const uint8_t* pixels, uint32_t width, uint32_t height, uint32_t stride,
                    uint32_t max_pixels);
Image checked_mask(const uint8_t* mask, uint32_t width, uint32_t height, uint32_t stride);
void check_mask_size(const Image& mask, int width, int height);

}  // namespace lk
