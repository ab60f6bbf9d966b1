// Kernels that start while the one before them in their stream still runs
// (programmatic dependent launch, from compute capability 9.0 on; elsewhere they
// follow one another as ever).
#pragma once

#include "cuda_check.h"
#include "launches.h"

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
struct KernelLaunch {
  void (*kernel)(Task);
  dim3 blocks;
  unsigned threads, shared_bytes, overlap;
  Task task;

  static void start(const KernelLaunch& launch, cudaStream_t stream) {
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config{};
    config.gridDim = launch.blocks;
    config.blockDim = launch.threads;
    config.dynamicSmemBytes = launch.shared_bytes;
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = launch.overlap;
    check(cudaLaunchKernelEx(&config, launch.kernel, launch.task), "launch a kernel");
  }
};

// With overlap, it starts while the one before it still runs.
template <class Task>
void add_kernel(Launches& launches, void (*kernel)(Task), dim3 blocks, unsigned threads,
                unsigned shared_bytes, bool overlap, const Task& task) {
  using Launch = KernelLaunch<Task>;
  launches.add(Launch::start, Launch{kernel, blocks, threads, shared_bytes, overlap, task});
}

}  // namespace lk::cuda
