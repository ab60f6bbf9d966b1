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

  // Queues the decoding of a plain JPEG (plain_jpeg.h) of the image's size at a
  // place on the GPU. False if nvJPEG refuses; lease and bytes must live until
  // the stream is through.
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
