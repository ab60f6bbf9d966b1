// JPEG to grey: the luma alone, by libjpeg-turbo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "turn.h"

namespace lk {

// Reused from frame to frame by one thread at a time.
class JpegDecoder {
 public:
  struct Size {
    uint32_t width, height;
  };

  JpegDecoder();
  ~JpegDecoder();

  // Reads the header. No memory is taken for more than max_pixels; the bytes
  // must live until decode().
  Size open(const uint8_t* jpeg, size_t bytes, uint32_t max_pixels);

  // Decodes what was opened, unless the turn ends: then it throws what look() does.
  void decode(uint8_t* pixels, size_t stride, Turn& turn);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lk
