// What a warp computes over a window of pixels: sums, template, correlation,
// difference.
//
// How the window is shared out: a lane has a strip of it, 4 columns wide and
// Rows high. It goes down the strip; a row of pixels is read once, as two or
// three words, straight from the level (which the L1 cache holds), and serves
// the row above and the row below it. Levels have margins wide enough for every
// window that reaches over the border. Gradients of the template stay in shared
// memory, as pairs of 16 bits, where only the lane itself reads them again: no
// barrier is needed. Products are summed by dp2a, two at a time.
//
// Rows is 0 where it is only known at run time.
#pragma once

#include <cstdint>

#include "device_image.h"

namespace lk::cuda {

constexpr unsigned kAll = 0xffffffffu;  // lanes

// ---- Sums over the warp -----------------------------------------------------------

__device__ inline int warp_sum(int v) {
#if __CUDA_ARCH__ >= 800
  return __reduce_add_sync(kAll, v);
#else
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(kAll, v, offset);
  return v;
#endif
}

// For sums of more than 32 bits: halves apart.
__device__ inline long long wide_warp_sum(int v) {
  return (long long)(warp_sum(v >> 16)) * 65536 + warp_sum(v & 0xffff);
}

// ---- The lane's part of the window ---------------------------------------------------

// ceil(width / 4) strips side by side, as many below each other as there are
// lanes left, as high as it then takes.
struct Shape {
  int across, down, rows;

  __host__ __device__ int width() const { return 4 * across; }  // with what is over
  __host__ __device__ int height() const { return down * rows; }
};

__host__ __device__ inline Shape shape_of(int width, int height) {
  const int across = (width + 3) / 4;
  const int rows = (height + 32 / across - 1) / (32 / across);
  return {across, (height + rows - 1) / rows, rows};
}

struct Strip {
  int x, y;      // its top left corner in the window
  int columns;   // of its 4, how many belong to the window
  int rows;      // of its rows, how many belong to it; 0: the lane has none
};

__device__ inline Strip strip_of_lane(int lane, const Shape& shape, int width, int height) {
  Strip s{lane % shape.across * 4, lane / shape.across * shape.rows, 0, 0};
  s.columns = min(4, width - s.x);
  s.rows = min(shape.rows, height - s.y);
  // A lane without rows does what the first one does, and it counts for nothing.
  if (s.rows <= 0) s.x = s.y = s.rows = 0;
  return s;
}

// ---- Reading pixels ----------------------------------------------------------------

// A place as a whole pixel and what is over.
struct Place {
  int x, y;
  float u, v;
};

__device__ inline Place place(float px, float py) {
  const int x = __float2int_rd(px), y = __float2int_rd(py);
  return {x, y, px - float(x), py - float(y)};
}

// Pixels of a strip, row by row, from its top left corner.
struct Pixels {
  const uint8_t* words;  // the word that the corner is in
  int pitch;
  unsigned shift;        // where in the word, in bits

  __device__ unsigned word(int row, int i) const {
    return *reinterpret_cast<const unsigned*>(words + row * pitch + 4 * i);
  }
};

// The lane's pixels of the window at a place, dx = -1: from one column further
// left.
__device__ inline Pixels pixels_at(const DeviceImage& image, const Place& at, int dx,
                            const Strip& strip) {
  const uint8_t* corner = image.d_pixels + (at.y + strip.y) * image.pitch + at.x + strip.x + dx;
  const unsigned over = unsigned(reinterpret_cast<uintptr_t>(corner)) % 4;
  return {corner - over, image.pitch, 8 * over};
}

// Eight pixels of a row, the first one lowest.
__device__ inline uint2 eight_pixels(const Pixels& p, int row) {
  const unsigned a = p.word(row, 0), b = p.word(row, 1), c = p.word(row, 2);
  return {__funnelshift_r(a, b, p.shift), __funnelshift_r(b, c, p.shift)};
}

// Four pixels of a row, and the four that start one to the right.
struct Quads {
  unsigned here, right;
};

__device__ inline Quads quads(const Pixels& p, int row) {
  const unsigned a = p.word(row, 0), b = p.word(row, 1);
  return {__funnelshift_r(a, b, p.shift), __funnelshift_rc(a, b, p.shift + 8)};
}

// ---- Bilinear weights ------------------------------------------------------------------

struct Weights {
  int w00, w01, w10, w11;
};

__device__ inline Weights weights(float a, float b) {
  const int w00 = __float2int_rn((1.f - a) * (1.f - b) * 16384.f);
  const int w01 = __float2int_rn(a * (1.f - b) * 16384.f);
  const int w10 = __float2int_rn((1.f - a) * b * 16384.f);
  return {w00, w01, w10, 16384 - w00 - w01 - w10};
}

// Two 16-bit values in a word, the first one low.
__device__ inline int pair(int low, int high) {
  return int(__byte_perm(unsigned(low), unsigned(high), 0x5410));
}

// sum + a.low · b[0] + a.high · b[1], bytes 0 and 1 of b; and bytes 2 and 3.
__device__ inline int dot_low(int a, unsigned b, int sum) {
  int d;
  asm("dp2a.lo.s32.u32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(sum));
  return d;
}
__device__ inline int dot_high(int a, unsigned b, int sum) {
  int d;
  asm("dp2a.hi.s32.u32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(sum));
  return d;
}

// ---- Gradients ----------------------------------------------------------------------------

// Values at six neighbouring pixels, two to a word. A word holds low + 65536 · high
// with signed halves, so words are added and multiplied as they are.
struct Six {
  int v[3];

  __device__ int operator[](int i) const {
    return i % 2 ? (v[i / 2] + 0x8000) >> 16 : int(int16_t(v[i / 2]));
  }
};

// Of a row: differences of the neighbours left and right, and smoothed values.
struct FilteredRow {
  Six d, s;
};

// For the pixels 1 … 6 of eight (Six 0 … 5).
__device__ inline FilteredRow filter(uint2 p) {
  const unsigned middle = __funnelshift_r(p.x, p.y, 16);  // pixels 2 … 5
  const int even[4] = {int(__byte_perm(p.x, 0, 0x4140)), int(__byte_perm(p.x, 0, 0x4342)),
                       int(__byte_perm(p.y, 0, 0x4140)), int(__byte_perm(p.y, 0, 0x4342))};
  const int odd[3] = {int(__byte_perm(p.x, 0, 0x4241)), int(__byte_perm(middle, 0, 0x4241)),
                      int(__byte_perm(p.y, 0, 0x4241))};
  FilteredRow row;
#pragma unroll
  for (int i = 0; i < 3; ++i) {
    row.d.v[i] = even[i + 1] - even[i];
    row.s.v[i] = (even[i + 1] + even[i]) * 3 + odd[i] * 10;
  }
  return row;
}

// Scharr gradients of five neighbouring pixels.
struct GradientRow {
  int x[5], y[5];
};

__device__ inline GradientRow scharr(const FilteredRow& above, const FilteredRow& here,
                              const FilteredRow& below) {
  Six x, y;
#pragma unroll
  for (int i = 0; i < 3; ++i) {
    x.v[i] = (above.d.v[i] + below.d.v[i]) * 3 + here.d.v[i] * 10;
    y.v[i] = below.s.v[i] - above.s.v[i];
  }
  GradientRow row;
#pragma unroll
  for (int i = 0; i < 5; ++i) row.x[i] = x[i], row.y[i] = y[i];
  return row;
}

// The template's gradients in 16-bit pairs: x of columns 0 1, 2 3, then y.
using Gradients = int4;

// ---- Correlation ----------------------------------------------------------------------------

// Σ J ∇I for the four shifts 00, 01, 10, 11. Sums fit 32 bits; see cpu/window.h.
struct Correlation {
  int x[4], y[4];

  // A row of gradients against the row of pixels at it and the row below.
  __device__ void add(const Gradients& g, const Quads& above, const Quads& below) {
    const unsigned shifts[4] = {above.here, above.right, below.here, below.right};
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      x[k] = dot_high(g.y, shifts[k], dot_low(g.x, shifts[k], x[k]));
      y[k] = dot_high(g.w, shifts[k], dot_low(g.z, shifts[k], y[k]));
    }
  }

  // Of all lanes, the same in all of them.
  __device__ void sum_up() {
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      x[k] = warp_sum(x[k]);
      y[k] = warp_sum(y[k]);
    }
  }

  // What concerns x, or what concerns y.
  __device__ int of(bool y_axis, int k) const { return y_axis ? y[k] : x[k]; }
};

template <int Rows>
__device__ Correlation correlate(const Shape& shape, const Pixels& pixels,
                                 const Gradients* gradients) {
  const int rows = Rows ? Rows : shape.rows;
  Correlation c{};
  Quads above = quads(pixels, 0);
#pragma unroll
  for (int i = 0; i < rows; ++i) {
    const Quads below = quads(pixels, i + 1);
    c.add(gradients[i * 32], above, below);
    above = below;
  }
  c.sum_up();
  return c;
}

// ---- The template ------------------------------------------------------------------------------

struct Moments {
  long long xx, xy, yy;  // Σ gx², Σ gx gy, Σ gy²
  Correlation own;       // with the template's own image
};

// The template at a place: gradients, mixed and rounded as OpenCV does it, into
// the lane's places of shared memory, and their sums. Pixels are those from one
// column left of it.
template <int Rows>
__device__ Moments take_template(const DeviceImage& image, const Place& at, const Shape& shape,
                                 const Strip& strip, const Pixels& pixels,
                                 Gradients* gradients) {
  const Weights w = weights(at.u, at.v);
  const int left = at.x + strip.x, top = at.y + strip.y;
  const bool inside = at.x >= 0 && at.y >= 0 && at.x + shape.width() < image.width &&
                      at.y + shape.height() < image.height;
  const int rows = Rows ? Rows : shape.rows;
  const auto quads_of = [](uint2 p) {
    return Quads{__funnelshift_r(p.x, p.y, 8), __funnelshift_r(p.x, p.y, 16)};
  };
  // All rows are asked for at once, where their number is known.
  uint2 asked[Rows ? Rows + 3 : 1];
  if (Rows)
#pragma unroll
    for (int i = 0; i < Rows + 3; ++i) asked[i] = eight_pixels(pixels, i - 1);
  const auto row_at = [&](int i) { return Rows ? asked[i + 1] : eight_pixels(pixels, i); };
  uint2 row = row_at(0);
  FilteredRow above = filter(row_at(-1)), here = filter(row);
  Quads quads_above, quads_here = quads_of(row);
  GradientRow upper;
  Moments m{};
  int xx = 0, xy = 0, yy = 0;
#pragma unroll
  for (int i = 0; i <= rows; ++i) {
    row = row_at(i + 1);
    const FilteredRow below = filter(row);
    GradientRow lower = scharr(above, here, below);
    if (!inside) {
      // Gradients outside of the image count as 0, though the image itself goes
      // on mirrored: so it is in OpenCV.
      const bool row_inside = unsigned(top + i) < unsigned(image.height);
#pragma unroll
      for (int c = 0; c < 5; ++c)
        if (!row_inside || unsigned(left + c) >= unsigned(image.width))
          lower.x[c] = lower.y[c] = 0;
    }
    if (i > 0) {
      int gx[4], gy[4];
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        gx[c] = (upper.x[c] * w.w00 + upper.x[c + 1] * w.w01 + lower.x[c] * w.w10 +
                 lower.x[c + 1] * w.w11 + (1 << 13)) >> 14;
        gy[c] = (upper.y[c] * w.w00 + upper.y[c + 1] * w.w01 + lower.y[c] * w.w10 +
                 lower.y[c + 1] * w.w11 + (1 << 13)) >> 14;
        if (c >= strip.columns || i > strip.rows) gx[c] = gy[c] = 0;
        // |g| is at most 4080: a lane's 126 pixels, at most, fit 31 bits.
        xx += gx[c] * gx[c];
        xy += gx[c] * gy[c];
        yy += gy[c] * gy[c];
      }
      const Gradients g{pair(gx[0], gx[1]), pair(gx[2], gx[3]), pair(gy[0], gy[1]),
                        pair(gy[2], gy[3])};
      gradients[(i - 1) * 32] = g;
      m.own.add(g, quads_above, quads_here);
    }
    upper = lower;
    above = here;
    here = below;
    quads_above = quads_here;
    quads_here = quads_of(row);
  }
  m.own.sum_up();
  m.xx = wide_warp_sum(xx), m.xy = wide_warp_sum(xy), m.yy = wide_warp_sum(yy);
  return m;
}

// Double precision is slow on most GPUs, and conversions are on all. So lanes
// share it out: lane k does what concerns the k-th of eight sums, x and then y.
__device__ inline bool lane_has_y() { return threadIdx.x & 4; }

// Four values mixed at the place (a, b) between them: of x, or of y.
__device__ inline double mixed(const Correlation& c, double a, double b) {
  const bool y = lane_has_y();
  const double c0 = c.of(y, 0), c1 = c.of(y, 1), c2 = c.of(y, 2), c3 = c.of(y, 3);
  const double top = c0 + a * (c1 - c0), bottom = c2 + a * (c3 - c2);
  return top + b * (bottom - top);
}

// ---- The difference of two windows ------------------------------------------------------------

// Σ |J − I|, with 14 bits after the point.
template <int Rows>
__device__ long long difference(const Shape& shape, const Strip& strip, const Pixels& prev,
                                const Weights& pw, const Pixels& next, const Weights& nw) {
  const int rows = Rows ? Rows : shape.rows;
  // All four products together are J − I: those of I have their sign turned.
  const int prev_top = pair(-pw.w00, -pw.w01), prev_bottom = pair(-pw.w10, -pw.w11);
  const int next_top = pair(nw.w00, nw.w01), next_bottom = pair(nw.w10, nw.w11);
  Quads i_above = quads(prev, 0), j_above = quads(next, 0);
  int sum = 0;
#pragma unroll
  for (int i = 0; i < rows; ++i) {
    const Quads i_below = quads(prev, i + 1), j_below = quads(next, i + 1);
    const auto add = [&](int d, int column) {
      if (column < strip.columns && i < strip.rows) sum += abs(d);
    };
    add(dot_low(prev_top, i_above.here,
        dot_low(prev_bottom, i_below.here,
        dot_low(next_top, j_above.here, dot_low(next_bottom, j_below.here, 0)))), 0);
    add(dot_low(prev_top, i_above.right,
        dot_low(prev_bottom, i_below.right,
        dot_low(next_top, j_above.right, dot_low(next_bottom, j_below.right, 0)))), 1);
    add(dot_high(prev_top, i_above.here,
        dot_high(prev_bottom, i_below.here,
        dot_high(next_top, j_above.here, dot_high(next_bottom, j_below.here, 0)))), 2);
    add(dot_high(prev_top, i_above.right,
        dot_high(prev_bottom, i_below.right,
        dot_high(next_top, j_above.right, dot_high(next_bottom, j_below.right, 0)))), 3);
    i_above = i_below;
    j_above = j_below;
  }
  return wide_warp_sum(sum);
}

}  // namespace lk::cuda
