// Pyramidal Lucas–Kanade on the device, forward and back.
#pragma once

#include "device_image.h"
#include "launches.h"
#include "lkstream.h"
#include "pyramid.h"

namespace lk::cuda {

// Points lie in pinned memory, and the kernel reads and writes them through the bus:
// one load a block and one store a point, instead of two copies a frame.
struct alignas(16) PointIn {
  float x, y, guess_x, guess_y;
};
// Of one block of threads. What changes from frame to frame is here, so that launches stay
// the same (launches.h): each block reads its own over the bus in one piece, where all that
// read the same one wait for one another.
constexpr uint32_t kMostOfGroup = 4;
struct alignas(128) GroupIn {
  uint32_t n;       // points that it has
  uint32_t number;  // of the task
  uint32_t unused[2];
  PointIn points[kMostOfGroup];
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
  uint32_t back;  // 1 if fb_distance is wanted
  uint32_t groups;
  const GroupIn* in;
  PointOut* out;
};
static_assert(sizeof(FollowTask) == 2 * kMaxLevels * sizeof(DeviceImage) + sizeof(lk_flow_options) +
                                        3 * sizeof(uint32_t) + 2 * sizeof(void*));

// So many points are in each group but the last ones.
uint32_t points_of_group(const lk_flow_options&);

// Whether the search was compiled for the device in use to wait for the kernel before
// it: it was if for compute capability 9.0 or later. The device must be set.
bool search_waits();

// With overlap, it starts while the kernel before it still runs: the one that makes the
// levels of `next`. All else must be there when that one starts.
void add_follow(const FollowTask&, bool overlap, Launches&);

}  // namespace lk::cuda
