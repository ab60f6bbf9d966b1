// JPEG decoding on the GPU by nvJPEG, which is looked for at run time: its luma,
// straight into device memory. Recent data-centre GPUs have engines for it.
//
// LKSTREAM_NVJPEG in the environment is the library's path, or "off".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "device_image.h"
#include "pool.h"
#include "stream.h"

namespace lk::cuda {

class NvJpeg {
 public:
  // Null where there is no usable nvJPEG. The device must be set.
  static std::unique_ptr<NvJpeg> load();
  ~NvJpeg();

  // Where a frame is decoded: with a state of nvJPEG's, or on a core of the CPU.
  struct Place {
    bool on_gpu = false;
    void* state = nullptr;  // made when it is first used
  };

  // A place for the next frame: on the GPU while it has room; else on this thread,
  // while there are cores for it; else wherever there is room first. Without a
  // nvJPEG it is nowhere.
  class Lease {
   public:
    explicit Lease(NvJpeg* owner) : owner_(owner) {
      if (owner_) place_ = owner_->places_.take();
    }
    Lease(const Lease&) = delete;
    ~Lease() { release(); }

    bool on_gpu() const { return place_.on_gpu; }
    void release() {
      if (owner_) std::exchange(owner_, nullptr)->places_.give(place_, place_.on_gpu);
    }

   private:
    friend class NvJpeg;
    NvJpeg* owner_;
    Place place_;
  };

  // Whether it is a kind that nvJPEG is asked to decode: a baseline file, grey
  // or of luma and chroma, whose one scan ends where it should. All else is left
  // to libjpeg, which tells what is damaged, as nvJPEG does not, and makes the
  // luma of a file that is RGB.
  static bool takes(const uint8_t* jpeg, size_t bytes);

  // Queues the decoding at a place on the GPU. False if nvJPEG refuses; lease and
  // bytes must live until the stream is through.
  bool decode(Lease&, const uint8_t* jpeg, size_t bytes, const DeviceImage&, cudaStream_t);

 private:
  struct Library;
  NvJpeg() = default;

  std::unique_ptr<Library> library_;
  void* handle_ = nullptr;
  std::mutex mutex_;
  std::vector<void*> states_;
  Pool<Place> places_;
};

}  // namespace lk::cuda
