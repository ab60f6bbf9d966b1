// A queue of device work, and how a thread waits for its end.
#pragma once

#include "cuda_check.h"
#include "waiters.h"

namespace lk::cuda {

class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  operator cudaStream_t() const { return stream_; }

  // Until all that was queued is done; throws what it failed with.
  void wait(Waiters&);

  // The same, where the caller can see for itself that all is there.
  template <class Done>
  void wait(Waiters& waiters, const Done& done) {
    waiters.wait(done, [this] { sleep(); });
  }

 private:
  void sleep();

  cudaStream_t stream_ = nullptr;
  cudaEvent_t done_ = nullptr;
};

}  // namespace lk::cuda
