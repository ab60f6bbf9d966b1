// An image and its halvings in device memory. Levels have no margins: kernels
// mirror at the border themselves, where they have to.
#pragma once

#include "device_image.h"
#include "memory.h"

namespace lk::cuda {

constexpr int kMaxLevels = 9;

// Computes levels[1 … count] from levels[0]; count is at most kFusedLevels.
constexpr int kFusedLevels = 3;
void launch_pyr_down(const DeviceImage* levels, int count, cudaStream_t);

class Pyramid {
 public:
  // Makes room for level 0; what it held is gone. Allocates if the size is new,
  // so the device must be set.
  void resize(int width, int height, cudaStream_t);

  // Queues the levels up to top that are not there yet.
  void build(int top, cudaStream_t);

  int width() const { return levels_[0].width; }
  int height() const { return levels_[0].height; }
  const DeviceImage* levels() const { return levels_; }

 private:
  DeviceBuffer<uint8_t> memory_;
  DeviceImage levels_[kMaxLevels] = {};
  int built_ = 0;  // the top level that is there
};

// The coarsest level to use: levels not larger than the window are of no use.
int usable_levels(int width, int height, int win_width, int win_height, int max_level);

}  // namespace lk::cuda
