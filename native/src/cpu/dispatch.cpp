#include "kernels.h"

#define LK_DECLARE(level)       \
  namespace level {             \
  extern const Kernels kernels; \
  }

namespace lk {

#if defined(__x86_64__)
LK_DECLARE(avx512)
LK_DECLARE(avx2)
LK_DECLARE(sse2)
LK_DECLARE(portable)
const Kernels* const kKernels[] = {&avx512::kernels, &avx2::kernels, &sse2::kernels,
                                   &portable::kernels, nullptr};
#elif defined(__aarch64__)
LK_DECLARE(neon)
const Kernels* const kKernels[] = {&neon::kernels, nullptr};
#else
LK_DECLARE(portable)
const Kernels* const kKernels[] = {&portable::kernels, nullptr};
#endif

}  // namespace lk
