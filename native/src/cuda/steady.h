// A size for what has a little more or less of it from frame to frame, so that launches
// stay the same (launches.h).
#pragma once

#include <cstdint>

namespace lk::cuda {

class Steady {
 public:
  // Enough, and not much more than twice of it.
  uint32_t enough_for(uint32_t wanted) {
    if (wanted > size_ || wanted < size_ / 2) size_ = wanted + wanted / 8;
    return size_;
  }

 private:
  uint32_t size_ = 0;
};

}  // namespace lk::cuda
