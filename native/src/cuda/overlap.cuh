// Kernels that start while the one before them in their stream still runs
// (programmatic dependent launch, from compute capability 9.0 on; elsewhere they
// follow one another as ever).
#pragma once

#include "cuda_check.h"

namespace lk::cuda {

// Lets a kernel that was launched to overlap start as soon as there is room.
__device__ inline void let_kernel_after_start() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// Until the kernel before has ended, and what it wrote can be read. Nothing that it
// writes may be asked for earlier, not even in advance.
__device__ inline void wait_for_kernel_before() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

template <class Task>
void launch_kernel(void (*kernel)(Task), unsigned blocks, unsigned threads, unsigned shared_bytes,
                   bool overlap, cudaStream_t stream, const Task& task) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = threads;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = overlap;
  check(cudaLaunchKernelEx(&config, kernel, task), "launch a kernel");
}

}  // namespace lk::cuda
