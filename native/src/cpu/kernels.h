// The inner loops of the CPU engine. They are compiled once for every level of
// vector instructions (kernels.cpp) and chosen when an engine is created
// (dispatch.cpp). All levels give bit-equal results: sums are integers or exact
// in the floating-point type that holds them, and nothing is contracted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../image.h"
#include "lkstream.h"

namespace lk {

// Loads go up to this many bytes past the last pixel they need.
constexpr int kSlack = 128;

// Pixels around each level of a pyramid: windows reach out so far.
constexpr int kMargin = 64;

struct FlowTask {
  const Image* prev;  // pyramids, mirrored into their margins
  const Image* next;
  int top_level;
  lk_flow_options options;
};

struct FlowPoint {
  float x, y;            // in: the point in prev
  float next_x, next_y;  // in: the guess; out: the place in next
  float error;           // out
  uint8_t status;        // out, lk_point_status
};

// Windows that were kept, in the frame of now; see affine_fit.h.
struct CompareTask {
  const Image* image;
  int win_width, win_height;
};

struct ComparePoint {
  const uint8_t* window;    // as lk_windows has it
  float x, y;               // in the frame
  float found_x, found_y;   // where the window was taken
  float warp[6];            // in and out
  float residual;           // out
};

// Sums of products of gradients, of a type that holds them exactly.
template <class Sum>
struct CornerKernels {
  // Sobel products of one row: width values of dx², dx·dy, dy² at out[0..2].
  // rows[i] is the image row y - gradient_size/2 + i, mirrored at the borders,
  // and so are gradient_size/2 pixels on both sides of each.
  void (*products)(const uint8_t* const* rows, int gradient_size, int width, Sum* const* out);
  // sums += added - removed
  void (*slide)(const Sum* added, const Sum* removed, int width, Sum* sums);
  // Scores of one row from three rows of column sums; column x uses
  // sums[i][x .. x + block_size - 1]. scratch holds 3 × width values.
  void (*scores)(const Sum* const* sums, int width, float scale, const lk_detect_options&,
                 Sum* scratch, float* out);
};

struct Kernels {
  const char* variant;
  bool (*runs_here)();

  // 5 × 5 Gaussian, every second pixel of every second row, as pyrDown: rows
  // from … to - 1 of dst, after those before them. scratch holds
  // 5 × (dst width + kSlack) values, of which the next rows need what is there.
  void (*pyr_down)(const Image& src, const Image& dst, int from, int to, uint16_t* scratch);

  void (*follow)(const FlowTask&, FlowPoint*, size_t count);
  void (*compare)(const CompareTask&, ComparePoint*, size_t count);

  CornerKernels<float> corners_f32;
  CornerKernels<double> corners_f64;
  // The largest score of a row where mask (or null) is not 0, or `largest`.
  float (*row_max)(const float* scores, const uint8_t* mask, int width, float largest);
  // hits[x] = 1 where the middle row's score is over the threshold and not
  // under any of its 8 neighbours; for x in 1 .. width - 2.
  void (*local_maxima)(const float* above, const float* middle, const float* below, int width,
                       float threshold, float* scratch, uint8_t* hits);
};

// The levels built into this library, best first; ends with null.
extern const Kernels* const kKernels[];

}  // namespace lk
