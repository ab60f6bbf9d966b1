/* Compiled as C11, pedantic, warnings as errors: the header is plain C, and the
 * structs have the documented sizes and offsets. */
#include "lkstream.h"

#include <stddef.h>

_Static_assert(sizeof(lk_flow_options) == 28, "size");
_Static_assert(offsetof(lk_flow_options, epsilon) == 16, "offset");
_Static_assert(offsetof(lk_flow_options, flags) == 24, "offset");
_Static_assert(sizeof(lk_detect_options) == 28, "size");
_Static_assert(offsetof(lk_detect_options, block_size) == 12, "offset");
_Static_assert(offsetof(lk_detect_options, k) == 24, "offset");
_Static_assert(sizeof(lk_frame) == 20, "size");
_Static_assert(offsetof(lk_frame, decode_ms) == 12, "offset");
_Static_assert(sizeof(lk_counters) == 32, "size");
_Static_assert(offsetof(lk_counters, failed_devices) == 28, "offset");

uint32_t header_is_c(void);
uint32_t header_is_c(void) { return lk_abi_version() == LK_ABI_VERSION; }
