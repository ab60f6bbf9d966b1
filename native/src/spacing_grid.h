#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lk {

// Points that keep others away, in square cells as wide as the distance.
class SpacingGrid {
 public:
  void start(int width, int height, float min_distance);
  bool is_free(float x, float y) const;
  void add(float x, float y);

 private:
  struct Point {
    float x, y;
    int32_t next;  // in the same cell, -1 at the end
  };
  int column(float x) const;
  int row(float y) const;

  float distance2_ = 0, cell_ = 1;
  int columns_ = 0, rows_ = 0;
  std::vector<int32_t> first_;
  std::vector<Point> points_;
};

}  // namespace lk
