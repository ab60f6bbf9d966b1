// Memory that its owner keeps and that only grows, so that nothing is allocated
// per frame: device memory, and pinned host memory that the device can reach.
#pragma once

#include <cstddef>
#include <utility>

#include "cuda_check.h"

namespace lk::cuda {

struct DeviceMemory {
  static void* allocate(size_t bytes) {
    void* p = nullptr;
    check(cudaMalloc(&p, bytes), "take device memory");
    return p;
  }
  static void release(void* p) { cudaFree(p); }
};

// Kernels read and write it through the bus: for what is small and used once.
// Copies from and to it run beside kernels.
struct PinnedMemory {
  static void* allocate(size_t bytes) {
    void* p = nullptr;
    check(cudaHostAlloc(&p, bytes, cudaHostAllocMapped | cudaHostAllocPortable),
          "take pinned memory");
    return p;
  }
  static void release(void* p) { cudaFreeHost(p); }
};

template <class T, class Memory>
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer() { Memory::release(data_); }

  // Makes room for so many values; what it held is gone if it has to grow.
  // Grows by more than was asked for, so that a slowly growing need does not
  // allocate each time.
  T* reserve(size_t count) {
    if (count > capacity_) {
      const size_t wanted = count + count / 4 + 64;
      Memory::release(std::exchange(data_, nullptr));
      capacity_ = 0;
      data_ = static_cast<T*>(Memory::allocate(wanted * sizeof(T)));
      capacity_ = wanted;
    }
    return data_;
  }
  T* data() const { return data_; }
  size_t capacity() const { return capacity_; }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
  }

  T* data_ = nullptr;
  size_t capacity_ = 0;
};

template <class T>
using DeviceBuffer = Buffer<T, DeviceMemory>;
template <class T>
using PinnedBuffer = Buffer<T, PinnedMemory>;

}  // namespace lk::cuda
