// Corners of an image: scores in one pass from top to bottom that keeps only
// the rows it needs, then the strongest ones that keep their distance.
#pragma once

#include <cstdint>
#include <vector>

#include "../corner_choice.h"
#include "kernels.h"

namespace lk {

class CornerDetector {
 public:
  void detect(const Image&, const DetectRequest&, const Kernels&, Turn&);

 private:
  struct Candidate {
    float score;
    uint32_t index;  // y · width + x
  };

  template <class Sum>
  void collect(const Image&, const DetectRequest&, const Kernels&, const CornerKernels<Sum>&, Turn&);
  void pick(const Image&, const DetectRequest&, Turn&);

  std::vector<uint8_t> bytes_;
  std::vector<float> floats_;
  std::vector<double> doubles_;
  std::vector<Candidate> candidates_;
  CornerChoice choice_;
};

}  // namespace lk
