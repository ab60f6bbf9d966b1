#include "watcher.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <exception>

#include "lkstream.h"

namespace lk::cuda {
namespace {

// Who waits awake gives its core to others that want it: now and then, for the call
// takes longer than a look.
void let_others() {
  static thread_local unsigned looks = 0;
  if (++looks % 8 == 0) sched_yield();
}

// A thread that sleeps until a stream has done what it was given.
class Sleeper final : public Flight {
 public:
  explicit Sleeper(Stream& stream) : stream_(stream) {}

  bool look() noexcept override {
    try {
      if (!stream_.has_ended()) return false;
    } catch (...) {
      error_ = std::current_exception();
    }
    wake();
    return true;
  }

  void give_up() noexcept override {
    error_ = std::make_exception_ptr(
        Error{LK_ENGINE_FAILED, "Cannot finish the work on the device: it does not answer."});
    wake();
  }

  void sleep() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return landed_; });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void wake() {
    // Within the lock: the sleeper is gone as soon as its thread goes on.
    const std::lock_guard lock(mutex_);
    landed_ = true;
    changed_.notify_one();
  }

  Stream& stream_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool landed_ = false;
  std::exception_ptr error_;
};

}  // namespace

Watcher::Watcher(std::function<void()> begin, std::function<void()> silent, float patience_ms)
    : begin_(std::move(begin)), silent_(std::move(silent)), patience_ms_(patience_ms) {}

Watcher::~Watcher() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Watcher::watch(Flight& flight, bool stay) {
  if (stay && stay_with(flight)) return;
  std::unique_lock lock(mutex_);
  if (is_silent_) {
    lock.unlock();
    flight.give_up();
    return;
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  added_.push_back(&flight);
  const bool sleeps = watched_++ == 0;
  lock.unlock();
  if (sleeps) changed_.notify_one();
}

void Watcher::wait(Stream& stream, bool stay) {
  Sleeper sleeper(stream);
  watch(sleeper, stay);
  sleeper.sleep();
}

// True when the flight has landed.
bool Watcher::stay_with(Flight& flight) {
  constexpr float kWhileMs = 0.7f;
  {
    const std::lock_guard lock(mutex_);
    if (visited_ || watched_ > 0 || is_silent_) return false;
    visited_ = true;
  }
  bool landed = false;
  for (const Stopwatch watch; !(landed = flight.look()) && watch.ms() < kWhileMs;) let_others();
  const std::lock_guard lock(mutex_);
  visited_ = false;
  return landed;
}

void Watcher::run() {
  pthread_setname_np(pthread_self(), "lk-watcher");
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);  // ns: sleep as long as is said, not 50 µs longer
  begin_();
  Flights flights;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (watched_ == 0) {
        changed_.wait(lock, [&] { return watched_ > 0 || ending_; });
        silence_ms_ = 0;
        since_look_ = {};
      }
      if (watched_ == 0) return;
      flights.insert(flights.end(), added_.begin(), added_.end());
      added_.clear();
    }
    look_at(flights);
    if (silence_ms_ > patience_ms_) give_up(flights);
    pause(flights);
  }
}

void Watcher::look_at(Flights& flights) {
  // In steps: a process that was stopped has not been waiting.
  silence_ms_ += std::min(since_look_.ms(), 100.f);
  since_look_ = {};
  const auto landed = std::remove_if(flights.begin(), flights.end(),
                                     [](Flight* flight) { return flight->look(); });
  if (landed == flights.end()) return;
  silence_ms_ = 0;
  const std::lock_guard lock(mutex_);
  watched_ -= size_t(flights.end() - landed);
  flights.erase(landed, flights.end());
}

void Watcher::give_up(Flights& flights) {
  silent_();
  {
    const std::lock_guard lock(mutex_);
    is_silent_ = true;
    flights.insert(flights.end(), added_.begin(), added_.end());
    added_.clear();
    watched_ = 0;
  }
  for (Flight* flight : flights) flight->give_up();
  flights.clear();
}

// A JPEG takes 0.1 ms and more, in which some 20 µs are not worth a core.
void Watcher::pause(const Flights& flights) {
  if (flights.empty()) return;
  const auto is_slow = [](const Flight* flight) { return flight->is_slow(); };
  if (std::all_of(flights.begin(), flights.end(), is_slow))
    std::this_thread::sleep_for(std::chrono::microseconds(40));
  else
    let_others();
}

}  // namespace lk::cuda
