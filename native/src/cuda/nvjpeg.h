// JPEG decoding on the GPU by nvJPEG, which is looked for at run time: its luma,
// straight into device memory. Recent data-centre GPUs have engines for it.
//
// LKSTREAM_NVJPEG in the environment is the library's path, or "off".
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "decode_places.h"
#include "device_image.h"

namespace lk::cuda {

class NvJpeg {
 public:
  // Null where there is no usable nvJPEG. The device must be set.
  static std::unique_ptr<NvJpeg> load();
  ~NvJpeg();

  DecodePlaces places;

  // Whether it is a kind that nvJPEG is asked to decode: a baseline file, grey
  // or of luma and chroma, whose one scan ends where it should. All else is left
  // to libjpeg, which tells what is damaged, as nvJPEG does not, and makes the
  // luma of a file that is RGB.
  static bool takes(const uint8_t* jpeg, size_t bytes);

  // Queues the decoding at a place on the GPU. False if nvJPEG refuses; lease and
  // bytes must live until the stream is through.
  bool decode(DecodePlaces::Lease&, const uint8_t* jpeg, size_t bytes, const DeviceImage&,
              cudaStream_t);

 private:
  struct Library;
  NvJpeg();

  std::unique_ptr<Library> library_;
  void* handle_ = nullptr;
  std::mutex mutex_;
  std::vector<void*> states_;
};

}  // namespace lk::cuda
