// A queue of device work, and how a thread waits for its end.
#pragma once

#include <atomic>

#include "cuda_check.h"

namespace lk::cuda {

// How many threads may ask for the end of their work over and over.
struct Pollers {
  std::atomic<int> running{0};
  int most = 1;
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

 private:
  cudaStream_t stream_ = nullptr;
  cudaEvent_t done_ = nullptr;
};

}  // namespace lk::cuda
