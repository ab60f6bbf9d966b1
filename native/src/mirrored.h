// How images go on beyond their borders: mirrored, without repeating the last pixel
// (BORDER_REFLECT_101). The same on every engine.
#pragma once

#ifdef __CUDACC__
#define LK_ON_DEVICE __device__
#else
#define LK_ON_DEVICE
#endif

namespace lk {

// Always inlined, for the sake of kernels.cpp.
LK_ON_DEVICE inline __attribute__((always_inline)) int mirrored(int i, int n) {
  if (n == 1) return 0;
  while (i < 0 || i >= n) i = i < 0 ? -i : 2 * (n - 1) - i;
  return i;
}

}  // namespace lk
