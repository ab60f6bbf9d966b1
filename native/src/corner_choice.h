// Which corners are taken of those that an engine found: the strongest ones that
// keep their distance. The same on every engine.
#pragma once

#include <cstdint>

#include "job.h"
#include "spacing_grid.h"

namespace lk {

class CornerChoice {
 public:
  // Begins anew, for an image of this size.
  void start(const DetectRequest& request, int width, int height);

  // How many are taken at most.
  uint32_t wanted() const { return wanted_; }
  bool is_complete() const { return count_ >= wanted_; }

  // To be called for the strongest first; of equals, for the one farther on in memory,
  // as OpenCV has it. `index` is y · width + x.
  void offer(uint32_t index, float score);

  void finish() { *request_.count = count_; }

 private:
  DetectRequest request_{};
  uint32_t width_ = 0, wanted_ = 0, count_ = 0;
  bool keeps_distance_ = false;
  SpacingGrid grid_;
};

}  // namespace lk
