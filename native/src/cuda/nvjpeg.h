// JPEG decoding on the GPU by nvJPEG, which is looked for at run time: its luma,
// straight into device memory. Recent data-centre GPUs have engines for it.
//
// LKSTREAM_NVJPEG in the environment is the library's path, or "off".
#pragma once

#include <cstddef>
#include <cstdint>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "device_image.h"
#include "stream.h"

namespace lk::cuda {

class NvJpeg {
 public:
  // Null where there is no usable nvJPEG. The device must be set.
  static std::unique_ptr<NvJpeg> load();
  ~NvJpeg();

  // A decoder's own memory. Leases of them are what limits the work in flight.
  class Lease {
   public:
    Lease() = default;
    Lease(NvJpeg* owner, void* state, bool processor)
        : owner_(owner), state_(state), processor_(processor) {}
    Lease(Lease&& other) noexcept { *this = std::move(other); }
    Lease& operator=(Lease&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(state_, other.state_);
      std::swap(processor_, other.processor_);
      return *this;
    }
    ~Lease() { release(); }

    void release() {
      if (owner_) std::exchange(owner_, nullptr)->give_back(state_, processor_);
    }
    bool on_gpu() const { return state_; }
    void* state() const { return state_; }

   private:
    NvJpeg* owner_ = nullptr;
    void* state_ = nullptr;
    bool processor_ = false;
  };

  // Where to decode the next frame: on the GPU while it has room; else on this
  // thread, while there are cores for it; else wherever there is room first.
  Lease choose();

  // Whether it is a kind that nvJPEG is asked to decode: a baseline file, grey
  // or of luma and chroma, whose one scan ends where it should. All else is left
  // to libjpeg, which tells what is damaged, as nvJPEG does not, and makes the
  // luma of a file that is RGB.
  static bool takes(const uint8_t* jpeg, size_t bytes);

  // Queues the decoding. False if nvJPEG refuses; the bytes must live until the
  // stream is through.
  bool decode(const Lease&, const uint8_t* jpeg, size_t bytes, const DeviceImage&, cudaStream_t);

 private:
  struct Library;
  NvJpeg() = default;
  void give_back(void* state, bool processor);

  std::unique_ptr<Library> library_;
  void* handle_ = nullptr;
  std::mutex mutex_;
  std::condition_variable room_;
  std::vector<void*> free_;
  int to_create_ = 0;
  int processors_ = 0;  // free ones
};

}  // namespace lk::cuda
