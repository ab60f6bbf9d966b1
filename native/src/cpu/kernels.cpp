// Compiled once for each level of vector instructions, with that level's
// compiler flags and LK_LEVEL set to its name. Everything here is in the
// level's own namespace and nothing of the standard library that could be
// emitted out of line is used: the linker would keep only one copy of it, maybe
// one that this CPU cannot run.
#include "kernels.h"

#include "../mirrored.h"

#if defined(LK_LEVEL_SSE2) || defined(LK_LEVEL_AVX2) || defined(LK_LEVEL_AVX512)
#include <immintrin.h>
#endif

namespace lk {
namespace LK_LEVEL {
namespace {

#include "simd.h"

#include "pyr_down.h"
#include "window.h"
#include "follow.h"
#include "../affine_fit.h"
#include "compare.h"
#include "corner_rows.h"

bool runs_here() {
#if defined(LK_LEVEL_AVX512)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
#elif defined(LK_LEVEL_AVX2)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
#else
  return true;
#endif
}

}  // namespace

#define LK_TEXT_OF(x) #x
#define LK_TEXT(x) LK_TEXT_OF(x)

extern const Kernels kernels = {
    LK_TEXT(LK_LEVEL), runs_here, pyr_down, follow, compare,
    {products<float>, slide<float>, scores<float>},
    {products<double>, slide<double>, scores<double>},
    row_max, local_maxima,
};

}  // namespace LK_LEVEL
}  // namespace lk
