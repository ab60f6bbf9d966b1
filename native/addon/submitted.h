// Jobs on their way: submitted on the main thread, waited for on another one.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "errors.h"
#include "lkstream.h"

namespace addon {

// From submit() on, lk_sequence_cancel ends them. Destroyed before they have
// completed, it waits until nothing that they point to is used any more.
class Submitted {
 public:
  Submitted() {
    if (lk_queue_create(&queue_, nullptr, 0) != LK_OK) queue_ = nullptr;
  }
  Submitted(Submitted&& other) noexcept
      : queue_(std::exchange(other.queue_, nullptr)), count_(other.count_) {}
  ~Submitted() { lk_queue_destroy(queue_); }

  void submit(lk_sequence* sequence, const lk_job& job) {
    refused_ = lk_queue_submit(queue_, sequence, &job, nullptr);
    count_ += refused_ == LK_OK;
  }

  // The last completion, or the first one that failed.
  Outcome wait(lk_completion& done) {
    if (refused_ != LK_OK) return {LK_OUT_OF_MEMORY, "Cannot go on: no memory is left"};
    for (; count_ > 0; --count_) {
      lk_queue_wait(queue_, &done, 1);
      if (done.status != LK_OK) return {done.status, done.error};
    }
    return {LK_OK, ""};
  }

 private:
  lk_queue* queue_ = nullptr;
  uint32_t count_ = 0;
  int32_t refused_ = LK_OK;
};

}  // namespace addon
