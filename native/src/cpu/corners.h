// Corners of an image: scores in one pass from top to bottom that keeps only
// the rows it needs, then the strongest ones that keep their distance.
#pragma once

#include <cstdint>
#include <vector>

#include "../engine.h"
#include "kernels.h"

namespace lk {

class CornerDetector {
 public:
  void detect(const Image&, const DetectRequest&, const Kernels&);

 private:
  struct Candidate {
    float score;
    uint32_t index;  // y · width + x
  };

  template <class Sum>
  void collect(const Image&, const DetectRequest&, const Kernels&, const CornerKernels<Sum>&);
  void pick(const Image&, const DetectRequest&);

  std::vector<uint8_t> bytes_;
  std::vector<float> floats_;
  std::vector<double> doubles_;
  std::vector<Candidate> candidates_;

  // Points that keep others away, in square cells as wide as the distance.
  class Grid {
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
  Grid grid_;
};

}  // namespace lk
