#include "check.h"

#include "error.h"

namespace lk {
namespace {

void check_range(const char* name, uint32_t value, uint32_t low, uint32_t high) {
  if (value < low || value > high)
    fail(LK_INVALID_ARGUMENT, "Cannot use %s %u: it must be %u to %u.", name, value, low, high);
}

// Written so that NaN fails.
void check_range(const char* name, float value, float low, float high) {
  if (!(value >= low && value <= high))
    fail(LK_INVALID_ARGUMENT, "Cannot use %s %g: it must be %g to %g.", name, value, low, high);
}

}  // namespace

void check_not_null(const void* pointer, const char* name) {
  if (!pointer) fail(LK_INVALID_ARGUMENT, "Cannot work without %s: it is null.", name);
}

void check_unused(uint32_t value) {
  if (value) fail(LK_INVALID_ARGUMENT, "Cannot set what is unused to %u: it must be 0.", value);
}

void check_options(const lk_flow_options& o) {
  check_range("win_width", o.win_width, LK_MIN_WINDOW, LK_MAX_WINDOW);
  check_range("win_height", o.win_height, LK_MIN_WINDOW, LK_MAX_WINDOW);
  check_range("max_level", o.max_level, 0, LK_MAX_LEVEL);
  check_range("max_count", o.max_count, 1, LK_MAX_COUNT);
  check_range("epsilon", o.epsilon, 0.f, 10.f);
  check_range("min_eig_threshold", o.min_eig_threshold, 0.f, 1.f);
  check_range("flow flags", o.flags, 0, LK_FLOW_GET_MIN_EIGENVALS);
}

void check_options(const lk_detect_options& o) {
  check_range("quality_level", o.quality_level, 1e-30f, 1.f);
  check_range("min_distance", o.min_distance, 0.f, 100000.f);
  check_range("block_size", o.block_size, 1, LK_MAX_BLOCK_SIZE);
  if (o.gradient_size != 3 && o.gradient_size != 5 && o.gradient_size != 7)
    fail(LK_INVALID_ARGUMENT, "Cannot use gradient_size %u: it must be 3, 5 or 7.",
         o.gradient_size);
  check_range("use_harris", o.use_harris, 0, 1);
  check_range("k", o.k, 0.f, 1.f);
}

void check_lists(const FlowRequest& r) {
  if (r.n == 0) return;
  if (r.n > LK_MAX_PIXELS)
    fail(LK_INVALID_ARGUMENT, "Cannot follow %u points: at most %d are allowed.", r.n,
         LK_MAX_PIXELS);
  check_not_null(r.points, "points");
  check_not_null(r.next_points, "next_points");
  check_not_null(r.status, "status");
  check_not_null(r.errors, "errors");
}

void check_lists(const DetectRequest& r) {
  if (r.avoid_count > 0) check_not_null(r.avoid, "avoid");
  if (r.capacity > 0) check_not_null(r.corners, "corners");
  check_not_null(r.count, "count");
}

void check_lists(const WindowsRequest& r, bool are_compared) {
  const lk_windows& w = r.lists;
  check_unused(w.unused);
  check_range("win_width", w.win_width, LK_MIN_WINDOW, LK_MAX_APPEARANCE);
  check_range("win_height", w.win_height, LK_MIN_WINDOW, LK_MAX_APPEARANCE);
  if (w.n == 0) return;
  if (w.n > LK_MAX_PIXELS)
    fail(LK_INVALID_ARGUMENT, "Cannot use %u windows: at most %d are allowed.", w.n,
         LK_MAX_PIXELS);
  check_not_null(w.points, "points");
  check_not_null(w.pixels, "pixels");
  if (!are_compared) return;
  check_not_null(w.found, "found");
  check_not_null(w.warps, "warps");
  check_not_null(w.residuals, "residuals");
}

namespace {

Image view_of(const lk_image& image) {
  return {image.data, int(image.width), int(image.height), ptrdiff_t(image.stride)};
}

}  // namespace

Image checked_grey(const lk_image& image, uint32_t max_pixels) {
  check_not_null(image.data, "an image's data");
  check_unused(image.unused);
  if (image.format != LK_GREY)
    fail(LK_INVALID_ARGUMENT, "Cannot use an image of format %u: it must be grey here, %d.",
         image.format, LK_GREY);
  if (image.width == 0 || image.height == 0)
    fail(LK_INVALID_ARGUMENT, "Cannot use an image of %u x %u pixels: both must be at least 1.",
         image.width, image.height);
  if (uint64_t(image.width) * image.height > max_pixels)
    fail(LK_FRAME_TOO_LARGE, "Cannot take a frame of %u x %u pixels: at most %u are allowed.",
         image.width, image.height, max_pixels);
  if (image.stride < image.width)
    fail(LK_INVALID_ARGUMENT, "Cannot use stride %u: it must be at least the width, %u.",
         image.stride, image.width);
  const uint64_t needed = uint64_t(image.stride) * (image.height - 1) + image.width;
  if (image.bytes < needed)
    fail(LK_INVALID_ARGUMENT, "Cannot take %u bytes as %u x %u pixels: %llu are needed.",
         image.bytes, image.width, image.height, static_cast<unsigned long long>(needed));
  return view_of(image);
}

void check_frame(const lk_image& image, uint32_t max_pixels) {
  if (image.format != LK_JPEG) {
    checked_grey(image, max_pixels);
    return;
  }
  check_unused(image.unused);
  if (image.bytes) check_not_null(image.data, "a JPEG's data");  // none are a bad frame
  if (image.width || image.height || image.stride)
    fail(LK_INVALID_ARGUMENT, "Cannot use a JPEG of %u x %u, stride %u: the file says its size.",
         image.width, image.height, image.stride);
}

Image checked_mask(const lk_image& mask) {
  if (mask.data) return checked_grey(mask, LK_MAX_PIXELS);
  if (mask.width || mask.height || mask.stride)
    fail(LK_INVALID_ARGUMENT, "Cannot use a mask of %u x %u, stride %u: the mask is null.",
         mask.width, mask.height, mask.stride);
  return {};
}

void check_mask_size(const Image& mask, int width, int height) {
  if (mask.data && (mask.width != width || mask.height != height))
    fail(LK_INVALID_ARGUMENT, "Cannot use a mask of %d x %d: the frame has %d x %d pixels.",
         mask.width, mask.height, width, height);
}

}  // namespace lk
