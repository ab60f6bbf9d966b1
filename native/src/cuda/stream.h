// A queue of device work.
#pragma once

#include "cuda_check.h"

namespace lk::cuda {

class Stream {
 public:
  Stream();
  // When all that was queued is done.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  operator cudaStream_t() const { return stream_; }

  // Whether all that was queued is done; throws what it failed with.
  bool has_ended() const;

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace lk::cuda
