#include "corner_choice.h"

#include <algorithm>

namespace lk {

void CornerChoice::start(const DetectRequest& request, int width, int height) {
  request_ = request;
  width_ = uint32_t(width);
  count_ = 0;
  const uint32_t most = request.options.max_corners;
  wanted_ = most > 0 ? std::min(most, request.capacity) : request.capacity;
  keeps_distance_ = request.options.min_distance >= 1.f;
  if (!keeps_distance_) return;
  grid_.start(width, height, request.options.min_distance);
  for (uint32_t i = 0; i < request.avoid_count; ++i)
    grid_.add(request.avoid[2 * i], request.avoid[2 * i + 1]);
}

void CornerChoice::offer(uint32_t index, float score) {
  const float x = float(index % width_), y = float(index / width_);
  if (keeps_distance_) {
    if (!grid_.is_free(x, y)) return;
    grid_.add(x, y);
  }
  request_.corners[2 * count_] = x;
  request_.corners[2 * count_ + 1] = y;
  if (request_.scores) request_.scores[count_] = score;
  ++count_;
}

}  // namespace lk
