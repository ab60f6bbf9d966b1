// Things that threads take, use and give back. Who asks first is served first: a
// thread that waits for one is not overtaken by those that come after it, so none
// waits for long.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace lk::cuda {

template <class T>
class Pool {
 public:
  // Makes one available.
  void give(T thing) {
    const std::lock_guard lock(mutex_);
    if (!waiting_.empty()) {
      Waiter* waiter = waiting_.front();
      waiting_.pop_front();
      waiter->thing = std::move(thing);
      waiter->served = true;
      waiter->wake.notify_one();
    } else {
      free_.push_front(std::move(thing));
    }
  }

  // How many threads wait for one.
  size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

  // Waits until there is one. Nothing once the pool is closed.
  std::optional<T> take() {
    std::unique_lock lock(mutex_);
    if (is_closed_) return std::nullopt;
    if (!free_.empty()) {
      T thing = std::move(free_.front());
      free_.pop_front();
      return thing;
    }
    Waiter waiter;
    waiting_.push_back(&waiter);
    waiter.wake.wait(lock, [&] { return waiter.served || is_closed_; });
    if (!waiter.served) return std::nullopt;
    return std::move(waiter.thing);
  }

  // Nothing is to be had any more: those that wait go without.
  void close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    for (Waiter* waiter : waiting_) waiter->wake.notify_one();
    waiting_.clear();
  }

 private:
  struct Waiter {
    T thing{};
    bool served = false;
    std::condition_variable wake;
  };

  mutable std::mutex mutex_;
  std::deque<T> free_;
  std::deque<Waiter*> waiting_;
  bool is_closed_ = false;
};

}  // namespace lk::cuda
