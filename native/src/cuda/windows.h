// Windows that are kept, and compared with the frame of now, on the device.
#pragma once

#include <cstdint>
#include <functional>

#include "../job.h"
#include "device_image.h"
#include "memory.h"

namespace lk::cuda {

// The top left pixel of a window; x is -1 where it does not lie inside of the frame.
struct TopLeft {
  int x, y;
};

struct TakeTask {
  DeviceImage image;
  int columns, rows;  // with the margin
  uint32_t n;
  const TopLeft* corners;  // pinned
  uint8_t* d_windows;
};

// Both lie in pinned memory.
struct CompareIn {
  float x, y, found_x, found_y;
  float warp[6];
};
struct CompareOut {
  float warp[6];
  float residual;
};

struct CompareWindowsTask {
  DeviceImage image;
  int win_width, win_height;
  uint32_t n;
  const uint8_t* d_windows;
  const CompareIn* in;
  CompareOut* out;
};

void launch_take(const TakeTask&, cudaStream_t);
void launch_compare(const CompareWindowsTask&, cudaStream_t);

// Reused from frame to frame by one thread at a time.
class Windows {
 public:
  // `wait` comes back when the stream has done what it was given.
  using Wait = std::function<void()>;
  void take(const DeviceImage&, const WindowsRequest&, cudaStream_t, const Wait& wait);
  void compare(const DeviceImage&, const WindowsRequest&, cudaStream_t, const Wait& wait);

 private:
  DeviceBuffer<uint8_t> windows_;
  PinnedBuffer<uint8_t> staging_;
  PinnedBuffer<TopLeft> corners_;
  PinnedBuffer<CompareIn> in_;
  PinnedBuffer<CompareOut> out_;
};

}  // namespace lk::cuda
