// How threads wait for the device: awake while they are few, else asleep.
#pragma once

#include <sched.h>

#include <atomic>

#include "../stopwatch.h"

namespace lk::cuda {

// Threads that wait for the device. A frame takes some 50 µs, and waking up a
// sleeping thread as much again. So one asks over and over whether its work is done,
// for a while, unless many wait: then the cores are worth more than a wait is.
class Waiters {
 public:
  explicit Waiters(int few) : few_(few) {}

  // Until done() says so, or sleep() has come back.
  template <class Done, class Sleep>
  void wait(const Done& done, const Sleep& sleep) {
    constexpr float kPatienceMs = 0.7f;
    const Entry entry(count_);
    if (entry.before < few_) {
      const Stopwatch watch;
      do {
        if (done()) return;
        sched_yield();
      } while (watch.ms() < kPatienceMs);
    }
    sleep();
  }

 private:
  struct Entry {
    explicit Entry(std::atomic<int>& count) : count(count), before(count.fetch_add(1)) {}
    ~Entry() { --count; }

    std::atomic<int>& count;
    const int before;
  };

  std::atomic<int> count_{0};
  const int few_;
};

}  // namespace lk::cuda
