// Who sees to what a GPU was given: one thread, awake only while there is something
// to look at. So whoever gives work to the GPU goes on, and however many sequences
// have work there, one core at most waits for it.
//
// It looks at memory that kernels write, not at events: that costs no call, and shows
// what is there before the kernel has ended.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "../error.h"
#include "../stopwatch.h"
#include "stream.h"

namespace lk::cuda {

// Work that a GPU was given.
class Flight {
 public:
  // Takes what has come back. True when that was all: then it is not looked at again,
  // and may be gone. By one thread at a time.
  virtual bool look() noexcept = 0;
  // In the place of look(): nothing will come back any more.
  virtual void give_up() noexcept = 0;
  // It takes long enough for the one who looks to sleep a little in between.
  virtual bool is_slow() const { return false; }

 protected:
  ~Flight() = default;
};

class Watcher {
 public:
  // The first is what the thread begins with. The second is called once, when for
  // patience_ms nothing of what is watched has landed: all of it is given up then,
  // and all that comes later. Time for which the process was stopped is not counted.
  Watcher(std::function<void()> begin, std::function<void()> silent, float patience_ms = 5000);
  // Nothing may be watched any more.
  ~Watcher();
  Watcher(const Watcher&) = delete;

  // Watches a flight until it lands. With `stay`, the calling thread does so itself
  // for a while if nothing else is watched, which spares one that waits to be woken.
  void watch(Flight&, bool stay);

  // Until a stream has done what it was given; throws what it failed with.
  void wait(Stream&, bool stay);

 private:
  using Flights = std::vector<Flight*>;

  bool stay_with(Flight&);
  void run();
  void look_at(Flights&);
  void pause(const Flights&);
  void give_up(Flights&);

  const std::function<void()> begin_, silent_;
  const float patience_ms_;
  float silence_ms_ = 0;
  Stopwatch since_look_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Flights added_;
  size_t watched_ = 0;  // by the thread, those added too
  bool visited_ = false;  // a caller has stayed to watch
  bool is_silent_ = false;
  bool ending_ = false;
  std::thread thread_;  // from the first flight on that it is to watch
};

}  // namespace lk::cuda
