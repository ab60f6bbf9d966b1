// Where JPEGs are decoded: with one of nvJPEG's few states, or on a core of the CPU
// where that is quicker than to wait for a state.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include "../error.h"
#include "../stopwatch.h"
#include "lkstream.h"
#include "pool.h"

namespace lk::cuda {

class DecodePlaces {
 public:
  DecodePlaces(int states, int cores) : count_(states), cores_(cores) {
    for (int i = 0; i < states; ++i) states_.give(nullptr);
  }

  // A place for one frame, had when this is made, until it is released: a state, as
  // soon as one is free; or a core, which is the calling thread's, if others wait for
  // a state already, decoding on it is expected to be done before a state is free, and
  // one may be had. Without an owner it is a core.
  class Lease {
   public:
    Lease(DecodePlaces* owner, size_t pixels)
        : owner_(owner), pixels_(float(pixels)), on_gpu_(owner && !owner->lends_core(pixels_)) {
      if (on_gpu_) {
        const auto taken = owner_->states_.take();
        if (!taken)
          throw Error{LK_ENGINE_FAILED, "Cannot decode the frame: the GPU does not answer."};
        state = *taken;
      }
      watch_ = {};
    }
    Lease(const Lease&) = delete;
    ~Lease() { release(); }

    bool on_gpu() const { return on_gpu_; }

    // The frame was decoded here: what that took counts from now on.
    void done() {
      if (owner_) owner_->note(*this);
      release();
    }
    void release() {
      if (owner_) std::exchange(owner_, nullptr)->take_back(*this);
    }

    void* state = nullptr;  // on the GPU; null until its first user makes it

   private:
    friend class DecodePlaces;
    DecodePlaces* owner_;
    float pixels_;
    bool on_gpu_;
    Stopwatch watch_;
  };

  // The GPU does not answer: no state comes back. Who asks for one gets an Error.
  void close() { states_.close(); }

  // How many threads wait for a state.
  size_t waiting() const { return states_.waiting(); }

 private:
  // What something took of late. Threads may overwrite what another one adds.
  class Recent {
   public:
    float value() const { return value_; }
    void add(float x) { value_ = value_ > 0 ? value_ + 0.1f * (x - value_) : x; }
    void shrink() { value_ = 0.999f * value_; }

   private:
    std::atomic<float> value_{0};
  };

  bool lends_core(float pixels) {
    const size_t ahead = waiting();
    if (ahead == 0) return false;
    if (float(ahead) / float(count_) * state_ms_.value() < core_ms_per_pixel_.value() * pixels) {
      core_ms_per_pixel_.shrink();  // so that it is tried again some day
      return false;
    }
    if (cores_.fetch_sub(1) > 0) return true;
    ++cores_;
    return false;
  }

  void note(const Lease& lease) {
    if (lease.on_gpu_)
      state_ms_.add(lease.watch_.ms());
    else
      core_ms_per_pixel_.add(lease.watch_.ms() / lease.pixels_);
  }

  void take_back(const Lease& lease) {
    if (lease.on_gpu_)
      states_.give(lease.state);
    else
      ++cores_;
  }

  const int count_;
  Pool<void*> states_;
  std::atomic<int> cores_;  // that are free for decoding
  Recent state_ms_;         // that a frame holds a state
  Recent core_ms_per_pixel_;
};

}  // namespace lk::cuda
