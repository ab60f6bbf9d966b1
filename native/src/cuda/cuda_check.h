// Failures of CUDA calls as Error: no call goes unchecked, in any build.
#pragma once

#include <cuda_runtime_api.h>

namespace lk::cuda {

// Throws LK_OUT_OF_MEMORY or LK_ENGINE_FAILED with "Cannot <action>: …".
[[noreturn]] void fail_with(cudaError_t error, const char* action);

inline void check(cudaError_t error, const char* action) {
  if (error != cudaSuccess) fail_with(error, action);
}

// After a launch: what the launch itself failed with. What the kernel fails
// with comes with the next wait.
inline void check_launch(const char* action) { check(cudaGetLastError(), action); }

}  // namespace lk::cuda
