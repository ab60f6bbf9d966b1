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
  const cudaError_t error =
      cudaEventCreateWithFlags(&done_, cudaEventDisableTiming | cudaEventBlockingSync);
  if (error != cudaSuccess) {
    cudaStreamDestroy(stream_);
    fail_with(error, "create an event");
  }
}

Stream::~Stream() {
  cudaStreamSynchronize(stream_);
  cudaEventDestroy(done_);
  cudaStreamDestroy(stream_);
}

void Stream::wait(Waiters& waiters) {
  check(cudaEventRecord(done_, stream_), "record an event");
  cudaError_t state = cudaErrorNotReady;
  const auto done = [&] {
    state = cudaEventQuery(done_);
    return state != cudaErrorNotReady;
  };
  waiters.wait(done, [&] { state = cudaEventSynchronize(done_); });
  check(state, "finish the work on the device");
}

void Stream::sleep() {
  check(cudaEventRecord(done_, stream_), "record an event");
  check(cudaEventSynchronize(done_), "finish the work on the device");
}

}  // namespace lk::cuda
