#include "spacing_grid.h"

#include <algorithm>
#include <cmath>

namespace lk {

void SpacingGrid::start(int width, int height, float min_distance) {
  distance2_ = min_distance * min_distance;
  cell_ = std::ceil(min_distance);
  columns_ = int(float(width) / cell_) + 1;
  rows_ = int(float(height) / cell_) + 1;
  first_.assign(size_t(columns_) * size_t(rows_), -1);
  points_.clear();
}

// Cells of points outside of the image are the ones next to it: such a point is
// never farther from a pixel, in cells, than it is in pixels.
int SpacingGrid::column(float x) const {
  return int(std::clamp(x / cell_, 0.f, float(columns_ - 1)));
}

int SpacingGrid::row(float y) const {
  return int(std::clamp(y / cell_, 0.f, float(rows_ - 1)));
}

bool SpacingGrid::is_free(float x, float y) const {
  const int c = column(x), r = row(y);
  for (int j = std::max(r - 1, 0); j <= std::min(r + 1, rows_ - 1); ++j)
    for (int i = std::max(c - 1, 0); i <= std::min(c + 1, columns_ - 1); ++i)
      for (int32_t p = first_[size_t(j) * size_t(columns_) + size_t(i)]; p >= 0;) {
        const Point& point = points_[size_t(p)];
        const float dx = x - point.x, dy = y - point.y;
        if (dx * dx + dy * dy < distance2_) return false;
        p = point.next;
      }
  return true;
}

void SpacingGrid::add(float x, float y) {
  if (!std::isfinite(x) || !std::isfinite(y)) return;
  int32_t& first = first_[size_t(row(y)) * size_t(columns_) + size_t(column(x))];
  points_.push_back({x, y, first});
  first = int32_t(points_.size()) - 1;
}

}  // namespace lk
