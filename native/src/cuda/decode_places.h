// Where JPEGs are decoded: with one of nvJPEG's few states, or on a core of the CPU
// where that is quicker than to wait for a state.
#pragma once

#include <atomic>
#include <utility>

#include "../stopwatch.h"
#include "pool.h"

namespace lk::cuda {

class DecodePlaces {
 public:
  DecodePlaces(int states, int cores) : count_(states), cores_(cores) {
    for (int i = 0; i < states; ++i) states_.give(nullptr);
  }

  // A place for one frame, had when this is made, until it is released: a state, as
  // soon as one is free; or the calling thread, if others wait for a state already,
  // they are expected to take longer than it does, and a core may be had for it.
  // Without an owner it is the calling thread.
  class Lease {
   public:
    explicit Lease(DecodePlaces* owner) : owner_(owner), on_gpu_(owner && !owner->lends_core()) {
      if (on_gpu_) state = owner_->states_.take();
      watch_ = {};
    }
    Lease(const Lease&) = delete;
    ~Lease() { release(); }

    bool on_gpu() const { return on_gpu_; }
    void release() {
      if (owner_) std::exchange(owner_, nullptr)->take_back(*this);
    }

    void* state = nullptr;  // on the GPU; null until its first user makes it

   private:
    friend class DecodePlaces;
    DecodePlaces* owner_;
    bool on_gpu_;
    Stopwatch watch_;
  };

  // How many threads wait for a state.
  size_t waiting() const { return states_.waiting(); }

 private:
  // What something took of late, in ms. Threads may overwrite what another one adds.
  class RecentTime {
   public:
    float ms() const { return ms_; }
    void add(float ms) { ms_ = ms_ > 0 ? ms_ + 0.1f * (ms - ms_) : ms; }
    void shrink() { ms_ = 0.999f * ms_; }

   private:
    std::atomic<float> ms_{0};
  };

  bool lends_core() {
    const size_t ahead = waiting();
    if (ahead == 0) return false;
    if (float(ahead) / float(count_) * with_state_.ms() < on_core_.ms()) {
      on_core_.shrink();  // so that it is tried again some day
      return false;
    }
    if (cores_.fetch_sub(1) > 0) return true;
    ++cores_;
    return false;
  }

  void take_back(const Lease& lease) {
    (lease.on_gpu_ ? with_state_ : on_core_).add(lease.watch_.ms());
    if (lease.on_gpu_)
      states_.give(lease.state);
    else
      ++cores_;
  }

  const int count_;
  Pool<void*> states_;
  std::atomic<int> cores_;  // that are free for decoding
  RecentTime with_state_, on_core_;
};

}  // namespace lk::cuda
