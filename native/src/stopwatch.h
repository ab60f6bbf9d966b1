#pragma once

#include <chrono>

namespace lk {

class Stopwatch {
 public:
  float ms() const {
    return std::chrono::duration<float, std::milli>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace lk
