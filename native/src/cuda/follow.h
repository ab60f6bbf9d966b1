// Pyramidal Lucas–Kanade on the device, forward and back.
#pragma once

#include "device_image.h"
#include "lkstream.h"
#include "pyramid.h"

namespace lk::cuda {

// Both lie in pinned memory, and the kernel reads and writes them through the
// bus: one load and one store a point, instead of two copies a frame.
struct alignas(16) PointIn {
  float x, y, guess_x, guess_y;
};
// A half of 16 bytes arrives as a whole, with its stamp: who finds the task's there
// knows that this half has come.
struct alignas(32) PointOut {
  float x, y, error;
  uint32_t stamp;
  float fb_distance;
  uint32_t unused[2];
  uint32_t same_stamp;
};

// lk_point_status under the number of the task, which is never 0.
constexpr uint32_t kTasks = 1u << 30;
#ifdef __CUDACC__
__host__ __device__
#endif
inline uint32_t stamp_of(uint32_t task, uint32_t status) { return task << 2 | status; }
inline bool is_stamp_of(uint32_t task, uint32_t stamp) { return stamp >> 2 == task; }
inline uint8_t status_of(uint32_t stamp) { return stamp & 3; }

struct FollowTask {
  DeviceImage prev[kMaxLevels], next[kMaxLevels];
  int top_level;
  lk_flow_options options;
  bool back;  // fb_distance is wanted
  uint32_t number;  // of the task
  uint32_t n;
  const PointIn* in;
  PointOut* out;
};

// Whether the search was compiled for the device in use to wait for the kernel before
// it: it was if for compute capability 9.0 or later. The device must be set.
bool search_waits();

// With overlap, while the kernel before it in the stream still runs: the one that
// makes the levels of `next`. All else must be there when that one starts.
void launch_follow(const FollowTask&, bool overlap, cudaStream_t);

}  // namespace lk::cuda
