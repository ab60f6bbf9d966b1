// An image and its halvings in device memory, with margins: what lies outside of
// a level is there, mirrored, as far as windows reach.
#pragma once

#include "device_image.h"
#include "launches.h"
#include "memory.h"

namespace lk::cuda {

constexpr int kMaxLevels = 9;

class Pyramid {
 public:
  // Makes room for an image. Allocates if the size is new, so the device must be
  // set.
  void resize(int width, int height, cudaStream_t);

  // Adds taking over an image of that size, and its levels up to top, with margins
  // for a window as large as this.
  void take(const DeviceImage&, int top, int window, Launches&);

  // The same, of an image that has been taken, as far as it is not there yet.
  void build(int top, int window, Launches&);

  // What was added was not started.
  void forget() { built_ = margin_ = 0; }

  int width() const { return levels_[0].width; }
  int height() const { return levels_[0].height; }
  const DeviceImage* levels() const { return levels_; }

 private:
  DeviceBuffer<uint8_t> memory_;
  DeviceImage levels_[kMaxLevels] = {};
  int built_ = 0;   // the top level that is there,
  int margin_ = 0;  // with so many pixels around
};

}  // namespace lk::cuda
