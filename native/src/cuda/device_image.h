// An 8-bit image in device memory, as kernels see it.
#pragma once

#include <cstdint>

namespace lk::cuda {

struct DeviceImage {
  uint8_t* d_pixels;  // rows start at multiples of 8 bytes, and can be read up to one
  int width, height;
  int pitch;  // bytes from one row to the next
  int unused = 0;  // in place of padding (launches.h)
};

}  // namespace lk::cuda
