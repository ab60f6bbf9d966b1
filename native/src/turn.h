// The right to work on, which whoever works asks for every few points, rows or
// scanlines: it ends when the work is cancelled, and pauses while others have
// their turn.
#pragma once

#include <atomic>
#include <cstdint>

#include "lkstream.h"

namespace lk {

class Turn {
 public:
  // False when the work is to end. May take long, while others have their turn.
  bool go_on() {
    if (stop_.load(std::memory_order_relaxed) != LK_OK) return false;
    return !wanted_ || wanted_->load(std::memory_order_relaxed) == 0 || let_others();
  }

  // The same as an exception: Error of status LK_CANCELLED or LK_DEADLINE.
  void look() {
    if (!go_on()) end();
  }

 private:
  friend class Scheduler;

  bool let_others();
  [[noreturn]] void end() const;

  std::atomic<int32_t> stop_{LK_OK};          // else why it is to end
  const std::atomic<int>* wanted_ = nullptr;  // places at work; null: it holds none
  class Job* job_ = nullptr;
  struct Worker* worker_ = nullptr;
  int64_t began_ = 0;  // steady clock, ns
};

}  // namespace lk
