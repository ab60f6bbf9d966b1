// A view of an 8-bit grey image, or of a mask.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lk {

struct Image {
  const uint8_t* data = nullptr;
  int width = 0;
  int height = 0;
  ptrdiff_t stride = 0;  // bytes from one row to the next

  const uint8_t* row(int y) const { return data + y * stride; }
};

}  // namespace lk
