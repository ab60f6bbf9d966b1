// An 8-bit image in device memory, as kernels see it, and where its border is.
#pragma once

#include <cstdint>

namespace lk::cuda {

struct DeviceImage {
  uint8_t* d_pixels;  // rows start at multiples of 8 bytes, and can be read up to one
  int width, height;
  int pitch;  // bytes from one row to the next
};

#ifdef __CUDACC__
// The pixel that stands for pixel i outside of 0 … n - 1.
__device__ inline int mirrored(int i, int n) {
  i = abs(i);
  if (i >= n) i = 2 * (n - 1) - i;
  // Farther out than the image is large.
  while (i < 0 || i >= n) i = n == 1 ? 0 : i < 0 ? -i : 2 * (n - 1) - i;
  return i;
}
#endif

}  // namespace lk::cuda
