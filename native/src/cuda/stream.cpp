#include "stream.h"

#include "../error.h"
#include "lkstream.h"

namespace lk::cuda {

void fail_with(cudaError_t error, const char* action) {
  // A failed call may leave its error behind for the next one to find.
  cudaGetLastError();
  fail(error == cudaErrorMemoryAllocation ? LK_OUT_OF_MEMORY : LK_ENGINE_FAILED,
       "Cannot %s: CUDA says \"%s\" (%s).", action, cudaGetErrorString(error),
       cudaGetErrorName(error));
}

Stream::Stream() {
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "create a stream");
}

Stream::~Stream() {
  cudaStreamSynchronize(stream_);
  cudaStreamDestroy(stream_);
}

bool Stream::has_ended() const {
  const cudaError_t state = cudaStreamQuery(stream_);
  if (state == cudaErrorNotReady) return false;
  check(state, "finish the work on the device");
  return true;
}

}  // namespace lk::cuda
