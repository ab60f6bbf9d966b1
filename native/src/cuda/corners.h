// Corners of an image in device memory: scores, suppression and order on the
// device, the minimum distance on the host.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "../corner_choice.h"
#include "../job.h"
#include "device_image.h"
#include "memory.h"

namespace lk::cuda {

// A candidate as one number, so that a larger one comes first: the bits of its
// score (which is over 0) over its place, y · width + x.
using Candidate = unsigned long long;

// What the kernels count. All zero before they start.
constexpr int kBins = 4096;
struct Counts {
  unsigned best;      // bits of the best allowed score
  unsigned found;     // candidates, also those that had no room in the list
  unsigned unsorted;  // 1: no room, or too many equals to sort them by counting
  unsigned bins[kBins];     // of them, by score; the strongest in the last one
  unsigned places[kBins];   // next place in the sorted list, by bin
  unsigned starts[kBins];   // the first one
};

// What comes back from the device at once, in pinned memory.
struct Summary {
  unsigned best, found, unsorted;
};

struct ScoreTask {
  DeviceImage image;
  const uint8_t* d_mask;  // or null; rows as wide as the image
  lk_detect_options options;
  int2* d_gradients;      // for sizes other than 3 and 3: room for all pixels
  float* d_scores;
  Counts* d_counts;
};

struct PickTask {
  const float* d_scores;
  const uint8_t* d_mask;
  int width, height;
  float quality_level;
  Counts* d_counts;
  Candidate *d_found, *d_binned, *d_sorted;
  unsigned capacity;      // of each of them
  Candidate* first;       // pinned: the first ones of the sorted list
  unsigned first_count;
  Summary* summary;       // pinned
};

void launch_scores(const ScoreTask&, cudaStream_t);
void launch_pick(const PickTask&, cudaStream_t);

// Reused from image to image by one thread at a time.
class CornerDetector {
 public:
  // `wait` comes back when the stream has done what it was given.
  using Wait = std::function<void()>;
  void detect(const DeviceImage&, const DetectRequest&, cudaStream_t, const Wait& wait);

 private:
  void collect_on_host(const DeviceImage&, const DetectRequest&, cudaStream_t, const Wait& wait);

  DeviceBuffer<float> scores_;
  DeviceBuffer<int2> gradients_;
  DeviceBuffer<uint8_t> mask_;
  DeviceBuffer<Candidate> candidates_;
  DeviceBuffer<Counts> counts_;
  PinnedBuffer<uint8_t> mask_staging_;
  PinnedBuffer<Candidate> first_;
  PinnedBuffer<Summary> summary_;
  std::vector<Candidate> rest_;
  std::vector<float> host_scores_;
  CornerChoice choice_;
};

}  // namespace lk::cuda
