/* Compiled as C11, pedantic, warnings as errors: the header is plain C, and the
 * structs have the documented sizes. Their offsets are checked against the comments
 * by test/contract/ffi_test.ts. */
#include "lkstream.h"

#include <stddef.h>

_Static_assert(sizeof(lk_image) == 32, "size");
_Static_assert(offsetof(lk_image, stride) == 24, "offset");
_Static_assert(sizeof(lk_flow_options) == 28, "size");
_Static_assert(offsetof(lk_flow_options, epsilon) == 16, "offset");
_Static_assert(offsetof(lk_flow_options, flags) == 24, "offset");
_Static_assert(sizeof(lk_detect_options) == 28, "size");
_Static_assert(offsetof(lk_detect_options, block_size) == 12, "offset");
_Static_assert(offsetof(lk_detect_options, k) == 24, "offset");
_Static_assert(sizeof(lk_points) == 56, "size");
_Static_assert(offsetof(lk_points, fb_distances) == 40, "offset");
_Static_assert(offsetof(lk_points, n) == 48, "offset");
_Static_assert(sizeof(lk_corners) == 32, "size");
_Static_assert(offsetof(lk_corners, scores) == 16, "offset");
_Static_assert(offsetof(lk_corners, capacity) == 28, "offset");
_Static_assert(sizeof(lk_windows) == 56, "size");
_Static_assert(offsetof(lk_windows, residuals) == 32, "offset");
_Static_assert(offsetof(lk_windows, win_height) == 48, "offset");
_Static_assert(sizeof(lk_frame) == 20, "size");
_Static_assert(offsetof(lk_frame, decode_ms) == 12, "offset");
_Static_assert(sizeof(lk_detected) == 8, "size");
_Static_assert(sizeof(lk_counters) == 40, "size");
_Static_assert(offsetof(lk_counters, failed_devices) == 28, "offset");
_Static_assert(offsetof(lk_counters, sequences) == 32, "offset");
_Static_assert(sizeof(lk_job) == 248, "size");
_Static_assert(offsetof(lk_job, image) == 16, "offset");
_Static_assert(offsetof(lk_job, points) == 48, "offset");
_Static_assert(offsetof(lk_job, corners) == 104, "offset");
_Static_assert(offsetof(lk_job, flow) == 136, "offset");
_Static_assert(offsetof(lk_job, detect) == 164, "offset");
_Static_assert(offsetof(lk_job, windows) == 192, "offset");
_Static_assert(sizeof(lk_completion) == 256, "size");
_Static_assert(offsetof(lk_completion, frame) == 8, "offset");
_Static_assert(offsetof(lk_completion, detected) == 28, "offset");
_Static_assert(offsetof(lk_completion, error) == 36, "offset");

uint32_t header_is_c(void);
uint32_t header_is_c(void) { return lk_abi_version() == LK_ABI_VERSION; }
