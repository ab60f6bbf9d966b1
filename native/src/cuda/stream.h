// A queue of device work, and how a thread waits for its end.
#pragma once

#include <sched.h>

#include <atomic>

#include "../stopwatch.h"
#include "cuda_check.h"

namespace lk::cuda {

// Threads that ask over and over whether their work is done. So many may.
class Pollers {
 public:
  explicit Pollers(int most) : most_(most) {}

  // False if it is not done in time, or there are too many already.
  template <class Done>
  bool poll(const Done& done) {
    constexpr float kPatienceMs = 0.7f;
    bool is_done = false;
    if (running_.fetch_add(1) < most_)
      for (const Stopwatch watch; !(is_done = done()) && watch.ms() < kPatienceMs;) sched_yield();
    --running_;
    return is_done;
  }

 private:
  std::atomic<int> running_{0};
  const int most_;
};

class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  operator cudaStream_t() const { return stream_; }

  // Until all that was queued is done; throws what it failed with. A frame takes
  // some 50 µs, and waking up a sleeping thread as much again. So it asks again
  // and again for a while, if not too many others do.
  void wait(Pollers&);

  // The same, where the caller can see for itself that all is there.
  template <class Done>
  void wait(Pollers& pollers, const Done& done) {
    if (!pollers.poll(done)) sleep();
  }

 private:
  void sleep();

  cudaStream_t stream_ = nullptr;
  cudaEvent_t done_ = nullptr;
};

}  // namespace lk::cuda
