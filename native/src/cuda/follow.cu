// Pyramidal Lucas–Kanade: one warp follows one point through all levels and
// back, in one launch for all points.
//
// The arithmetic is the CPU engine's (cpu/follow.h), and so are the results, bit
// by bit: sums over windows are integers, whose order does not matter, and what
// is done with them is done in the same order, without contraction (-fmad=false).
// As there, Σ J ∇I is taken for the four whole-pixel shifts around the place
// reached, once for each such cell; steps inside a cell cost no window:
//
//   Σ J ∇I = Σ_k w_k C_k,   C_k = Σ J(shifted by k) ∇I,   k = 00, 01, 10, 11
//
// How the window is shared out: a lane has a strip of it, 4 columns wide and
// Rows high. It goes down the strip; a row of pixels is read once, as two or
// three words, straight from the image (which the L1 cache holds), and serves
// the row above and the row below it. Gradients of the template stay in shared
// memory, as pairs of 16 bits, where only the lane itself reads them again: no
// barrier is needed. Products are summed by dp2a, two at a time.
//
// A window that reaches over the border is first copied, mirrored, into shared
// memory, and read from there by the same code.
#include "follow.h"

#include <cmath>

namespace lk::cuda {
namespace {

// Warps of a block have nothing to do with each other. One for large windows, so
// that 48 KiB of shared memory are enough.
constexpr int kMaxWarps = 2;
constexpr unsigned kAll = 0xffffffffu;

// ---- Sums over the warp -----------------------------------------------------------

__device__ int warp_sum(int v) {
#if __CUDA_ARCH__ >= 800
  return __reduce_add_sync(kAll, v);
#else
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(kAll, v, offset);
  return v;
#endif
}

// For sums of more than 32 bits: halves apart.
__device__ long long wide_warp_sum(int v) {
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

__device__ Strip strip_of_lane(int lane, const Shape& shape, int width, int height) {
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

__device__ Place place(float px, float py) {
  const int x = __float2int_rd(px), y = __float2int_rd(py);
  return {x, y, px - float(x), py - float(y)};
}

// Copies of windows at the border have one pixel around them, and room to read
// whole words.
__host__ __device__ inline int copy_pitch(const Shape& shape) { return shape.width() + 12; }
__host__ __device__ inline int copy_bytes(const Shape& shape) {
  return (copy_pitch(shape) * (shape.height() + 3) + 15) & ~15;
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
// left. Copies the window first if it reaches over the border.
__device__ Pixels pixels_at(const DeviceImage& image, const Place& at, int dx, const Shape& shape,
                            const Strip& strip, uint8_t* copy) {
  const uint8_t* origin;
  int pitch;
  if (at.x >= 1 && at.y >= 1 && at.x + shape.width() + 1 < image.width &&
      at.y + shape.height() + 1 < image.height) {
    origin = image.d_pixels + size_t(at.y) * unsigned(image.pitch) + at.x;
    pitch = image.pitch;
  } else {
    pitch = copy_pitch(shape);
    origin = copy + pitch + 4;
    __syncwarp();  // until all have read the copy before
    // Each lane finds one row for all of them. Many loads at a time: what counts
    // is how long one takes.
    constexpr int kAtOnce = 16;
    const int lane = int(threadIdx.x) % 32, rows = shape.height() + 3;
    for (int from = 0; from < rows; from += kAtOnce) {
      const int y = mirrored(at.y - 1 + min(from + lane, rows - 1), image.height);
      const unsigned offset = unsigned(y) * unsigned(image.pitch);
      for (int x = lane - 1; x - lane < shape.width() + 2; x += 32) {
        const uint8_t* column = image.d_pixels + mirrored(at.x + x, image.width);
        uint8_t* target = copy + from * pitch + x + 4;
        const int count = x < shape.width() + 2 ? rows - from : 0;
        uint8_t pixels[kAtOnce];
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) pixels[i] = column[__shfl_sync(kAll, offset, i)];
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
          if (i < count) target[i * pitch] = pixels[i];
      }
    }
    __syncwarp();
  }
  const uint8_t* corner = origin + strip.y * pitch + strip.x + dx;
  const unsigned over = unsigned(reinterpret_cast<uintptr_t>(corner)) % 4;
  return {corner - over, pitch, 8 * over};
}

// Eight pixels of a row, the first one lowest.
__device__ uint2 eight_pixels(const Pixels& p, int row) {
  const unsigned a = p.word(row, 0), b = p.word(row, 1), c = p.word(row, 2);
  return {__funnelshift_r(a, b, p.shift), __funnelshift_r(b, c, p.shift)};
}

// Four pixels of a row, and the four that start one to the right.
struct Quads {
  unsigned here, right;
};

__device__ Quads quads(const Pixels& p, int row) {
  const unsigned a = p.word(row, 0), b = p.word(row, 1);
  return {__funnelshift_r(a, b, p.shift), __funnelshift_rc(a, b, p.shift + 8)};
}

// ---- Bilinear weights ------------------------------------------------------------------

struct Weights {
  int w00, w01, w10, w11;
};

__device__ Weights weights(float a, float b) {
  const int w00 = __float2int_rn((1.f - a) * (1.f - b) * 16384.f);
  const int w01 = __float2int_rn(a * (1.f - b) * 16384.f);
  const int w10 = __float2int_rn((1.f - a) * b * 16384.f);
  return {w00, w01, w10, 16384 - w00 - w01 - w10};
}

// Two 16-bit values in a word, the first one low.
__device__ int pair(int low, int high) {
  return int(__byte_perm(unsigned(low), unsigned(high), 0x5410));
}

// sum + a.low · b[0] + a.high · b[1], bytes 0 and 1 of b; and bytes 2 and 3.
__device__ int dot_low(int a, unsigned b, int sum) {
  int d;
  asm("dp2a.lo.s32.u32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(sum));
  return d;
}
__device__ int dot_high(int a, unsigned b, int sum) {
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
__device__ FilteredRow filter(uint2 p) {
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

__device__ GradientRow scharr(const FilteredRow& above, const FilteredRow& here,
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

struct Moments {
  long long xx, xy, yy;  // Σ gx², Σ gx gy, Σ gy²
};

// The template at a place: gradients, mixed and rounded as OpenCV does it, into
// the lane's places of shared memory, and their moments.
template <int Rows>
__device__ Moments take_template(const DeviceImage& image, const Place& at, const Shape& shape,
                                 const Strip& strip, const Pixels& pixels,
                                 Gradients* gradients) {
  const Weights w = weights(at.u, at.v);
  const int left = at.x + strip.x, top = at.y + strip.y;
  const bool inside = at.x >= 0 && at.y >= 0 && at.x + shape.width() < image.width &&
                      at.y + shape.height() < image.height;
  const int rows = Rows ? Rows : shape.rows;
  FilteredRow above = filter(eight_pixels(pixels, -1)), here = filter(eight_pixels(pixels, 0));
  GradientRow upper;
  int xx = 0, xy = 0, yy = 0;
#pragma unroll
  for (int i = 0; i <= rows; ++i) {
    const FilteredRow below = filter(eight_pixels(pixels, i + 1));
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
      gradients[(i - 1) * 32] = {pair(gx[0], gx[1]), pair(gx[2], gx[3]), pair(gy[0], gy[1]),
                                 pair(gy[2], gy[3])};
    }
    upper = lower;
    above = here;
    here = below;
  }
  return {wide_warp_sum(xx), wide_warp_sum(xy), wide_warp_sum(yy)};
}

// ---- Correlation ----------------------------------------------------------------------------

// Σ J ∇I for the four shifts 00, 01, 10, 11, the same in all lanes. Sums fit 32
// bits; see cpu/window.h.
struct Correlation {
  int x[4], y[4];

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
    const Gradients g = gradients[i * 32];
    const auto add = [](int& sum, int g01, int g23, unsigned four) {
      sum = dot_high(g23, four, dot_low(g01, four, sum));
    };
    add(c.x[0], g.x, g.y, above.here);
    add(c.x[1], g.x, g.y, above.right);
    add(c.x[2], g.x, g.y, below.here);
    add(c.x[3], g.x, g.y, below.right);
    add(c.y[0], g.z, g.w, above.here);
    add(c.y[1], g.z, g.w, above.right);
    add(c.y[2], g.z, g.w, below.here);
    add(c.y[3], g.z, g.w, below.right);
    above = below;
  }
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    c.x[k] = warp_sum(c.x[k]);
    c.y[k] = warp_sum(c.y[k]);
  }
  return c;
}

// Double precision is slow on most GPUs, and conversions are on all. So lanes
// share it out: lane k does what concerns the k-th of eight sums, x and then y.
__device__ bool lane_has_y() { return threadIdx.x & 4; }

// Four values mixed at the place (a, b) between them: of x, or of y.
__device__ double mixed(const Correlation& c, double a, double b) {
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

// ---- One point -----------------------------------------------------------------------------------

// Whether a window with this top left corner is not farther out than its size.
__device__ bool reaches_into(const DeviceImage& image, float x, float y, const FollowTask& task) {
  return x >= float(-task.win_width) && x < float(image.width) && y >= float(-task.win_height) &&
         y < float(image.height);
}

// What a warp has for its work.
struct Work {
  Shape shape;
  Strip strip;
  Gradients* gradients;         // the lane's own
  uint8_t *prev_copy, *next_copy;  // windows at the border
};

struct Template {
  float a11, a12, a22;   // Σ gx², Σ gx gy, Σ gy²
  double own;            // Σ I ∇I: its x in some lanes, its y in others

  __device__ float determinant() const { return a11 * a22 - a12 * a12; }
  __device__ float min_eigenvalue(const FollowTask& task) const {
    const float d = a11 - a22;
    return (a22 + a11 - sqrtf(d * d + 4.f * a12 * a12)) /
           float(2 * task.win_width * task.win_height);
  }
};

template <int Rows>
__device__ Template template_at(const DeviceImage& image, const Place& at, const Work& work) {
  Pixels pixels = pixels_at(image, at, -1, work.shape, work.strip, work.prev_copy);
  const Moments m =
      take_template<Rows>(image, at, work.shape, work.strip, pixels, work.gradients);
  // One pixel to the right of there.
  pixels.shift += 8;
  if (pixels.shift == 32) pixels.shift = 0, pixels.words += 4;
  const Correlation c = correlate<Rows>(work.shape, pixels, work.gradients);
  constexpr float kScale = 1.f / (1 << 20);
  return {float(m.xx) * kScale, float(m.xy) * kScale, float(m.yy) * kScale,
          mixed(c, at.u, at.v)};
}

// The step to take inside of a cell, along one axis: factors of 1, u, v and uv.
struct StepFactors {
  float one, u, v, uv;

  // p a − q b at the cell's four pixels.
  __device__ StepFactors(float p, const float* a, float q, const float* b) {
    float c[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) c[i] = p * a[i] - q * b[i];
    one = c[0];
    u = c[1] - c[0];
    v = c[2] - c[0];
    uv = (c[3] - c[2]) - u;
  }
  __device__ StepFactors() : one(0), u(0), v(0), uv(0) {}
  __device__ float at(float a, float b) const { return (one + a * u) + b * (v + a * uv); }
};

// Moves the window at (x, y) to where the template is found; false if it leaves
// the image on the way.
template <int Rows>
__device__ bool search(const Template& t, const DeviceImage& image, const FollowTask& task,
                       const Work& work, float& x, float& y) {
  const float inverse = 1.f / (1 << 15) / t.determinant();
  const float m11 = t.a11 * inverse, m12 = t.a12 * inverse, m22 = t.a22 * inverse;
  const float epsilon2 = task.epsilon * task.epsilon;
  bool new_cell = true;
  float ix = 0, iy = 0, u = 0, v = 0;  // the window is at (ix + u, iy + v)
  float last_dx = 0, last_dy = 0;
  StepFactors fx, fy;
  for (int i = 0; i < task.max_count; ++i) {
    if (new_cell) {
      if (!reaches_into(image, x, y, task)) return false;
      const Place at = place(x, y);
      u = at.u, v = at.v;
      ix = float(at.x), iy = float(at.y);
      const Correlation c = correlate<Rows>(
          work.shape, pixels_at(image, at, 0, work.shape, work.strip, work.next_copy),
          work.gradients);
      // Σ (J − I) ∇I at the four pixels: of one in each lane, then of all.
      const bool high = threadIdx.x & 2, odd = threadIdx.x & 1, y_axis = lane_has_y();
      const int sum = high ? (odd ? c.of(y_axis, 3) : c.of(y_axis, 2))
                           : (odd ? c.of(y_axis, 1) : c.of(y_axis, 0));
      const float b = float(double(sum) - t.own);
      float bx[4], by[4];
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        bx[k] = __shfl_sync(kAll, b, k);
        by[k] = __shfl_sync(kAll, b, k + 4);
      }
      fx = StepFactors(m12, by, m22, bx);
      fy = StepFactors(m12, bx, m11, by);
    }
    const float dx = fx.at(u, v), dy = fy.at(u, v);
    const bool done = dx * dx + dy * dy <= epsilon2;
    // Two steps that cancel: the search swings about the place half way.
    const bool swings =
        !done && i > 0 && fabsf(dx + last_dx) < 0.01f && fabsf(dy + last_dy) < 0.01f;
    const float share = swings ? 0.5f : 1.f;
    u = u + dx * share;
    v = v + dy * share;
    x = ix + u;
    y = iy + v;
    if (done || swings) break;
    last_dx = dx, last_dy = dy;
    new_cell = !(u >= 0.f && u < 1.f && v >= 0.f && v < 1.f);
  }
  return true;
}

struct Followed {
  float x, y, error;
  uint32_t status;
};

template <int Rows>
__device__ Followed follow_one(const FollowTask& task, const DeviceImage* prev_levels,
                               const DeviceImage* next_levels, bool get_min_eigenvals, float x,
                               float y, float guess_x, float guess_y, const Work& work) {
  const float half_x = float(task.win_width - 1) * 0.5f;
  const float half_y = float(task.win_height - 1) * 0.5f;
  Followed p{guess_x / float(1 << task.top_level), guess_y / float(1 << task.top_level), 0.f,
             LK_OUT_OF_FRAME};
  for (int l = task.top_level; l >= 0; --l) {
    const DeviceImage &prev = prev_levels[l], &next = next_levels[l];
    const float scale = 1.f / float(1 << l);
    const float prev_x = x * scale - half_x, prev_y = y * scale - half_y;
    if (l != task.top_level) p.x *= 2.f, p.y *= 2.f;
    const float from_x = p.x - half_x, from_y = p.y - half_y;
    float to_x = from_x, to_y = from_y;
    const Place from = place(prev_x, prev_y);
    p.status = LK_OUT_OF_FRAME;
    if (reaches_into(prev, prev_x, prev_y, task)) {
      const Template t = template_at<Rows>(prev, from, work);
      const float min_eig = t.min_eigenvalue(task);
      if (l == 0 && get_min_eigenvals) p.error = min_eig;
      if (min_eig < task.min_eig_threshold || t.determinant() < 1.1920929e-07f)
        p.status = LK_FLAT;
      else if (search<Rows>(t, next, task, work, to_x, to_y))
        p.status = LK_TRACKED;
    }
    // What has no template hands down the guess it was given.
    if (to_x != from_x || to_y != from_y) {
      p.x = to_x + half_x;
      p.y = to_y + half_y;
    }
    if (l > 0 || get_min_eigenvals || p.status != LK_TRACKED) continue;
    if (!reaches_into(next, to_x, to_y, task)) {
      p.status = LK_OUT_OF_FRAME;
      continue;
    }
    const Place to = place(to_x, to_y);
    const long long sum = difference<Rows>(
        work.shape, work.strip, pixels_at(prev, from, 0, work.shape, work.strip, work.prev_copy),
        weights(from.u, from.v), pixels_at(next, to, 0, work.shape, work.strip, work.next_copy),
        weights(to.u, to.v));
    p.error = float(double(sum) / (16384. * task.win_width * task.win_height));
  }
  return p;
}

// Asks for the windows of all levels at once, so that the search does not wait
// for one after the other: a lane asks for a row of each, at both ends, for a row
// may lie in two pieces of 32 bytes. The next window is near the guess.
__device__ void prefetch(const DeviceImage& image, float x, float y, const Shape& shape) {
  const int row = min(max(__float2int_rd(y) - 1 + int(threadIdx.x) % 32, 0), image.height - 1);
  const int left = min(max(__float2int_rd(x) - 1, 0), image.width - 1);
  const int right = min(left + shape.width() + 3, image.width - 1);
  const uint8_t* p = image.d_pixels + unsigned(row) * unsigned(image.pitch);
  asm volatile("prefetch.global.L1 [%0];" ::"l"(p + left));
  asm volatile("prefetch.global.L1 [%0];" ::"l"(p + right));
}

// How far a tracked point ends from where it started, followed back.
template <int Rows>
__device__ float distance_back(const FollowTask& task, const PointIn& in, const Followed& there,
                               const Work& work) {
  if (there.status != LK_TRACKED) return __int_as_float(0x7fc00000);  // NaN
  const Followed back =
      follow_one<Rows>(task, task.next, task.prev, true, there.x, there.y,
                       there.x - (in.guess_x - in.x), there.y - (in.guess_y - in.y), work);
  if (back.status != LK_TRACKED) return __int_as_float(0x7f800000);  // infinity
  const double dx = back.x - in.x, dy = back.y - in.y;
  return float(sqrt(dx * dx + dy * dy));
}

__host__ __device__ inline int shared_bytes(const Shape& shape) {  // of a warp
  return shape.rows * 32 * int(sizeof(Gradients)) + 2 * copy_bytes(shape);
}

template <int Rows>
__global__ void __launch_bounds__(32 * kMaxWarps, 8)
    follow_kernel(const __grid_constant__ FollowTask task) {
  extern __shared__ int4 shared[];
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const uint32_t i = blockIdx.x * (blockDim.x / 32) + unsigned(warp);
  if (i >= task.n) return;
  const Shape shape = shape_of(task.win_width, task.win_height);
  auto* mine = reinterpret_cast<uint8_t*>(shared) + warp * shared_bytes(shape);
  uint8_t* copies = mine + shape.rows * 32 * sizeof(Gradients);
  const Work work{shape, strip_of_lane(lane, shape, task.win_width, task.win_height),
                  reinterpret_cast<Gradients*>(mine) + lane, copies, copies + copy_bytes(shape)};

  const float4 given = __ldcv(reinterpret_cast<const float4*>(task.in) + i);
  const PointIn in{given.x, given.y, given.z, given.w};
  const float half_x = float(task.win_width - 1) * 0.5f;
  const float half_y = float(task.win_height - 1) * 0.5f;
  for (int l = task.top_level; l >= 0; --l) {
    const float scale = 1.f / float(1 << l);
    prefetch(task.prev[l], in.x * scale - half_x, in.y * scale - half_y, shape);
    prefetch(task.next[l], in.guess_x * scale - half_x, in.guess_y * scale - half_y, shape);
  }
  const Followed there = follow_one<Rows>(task, task.prev, task.next, task.get_min_eigenvals, in.x,
                                          in.y, in.guess_x, in.guess_y, work);
  const float fb = task.back ? distance_back<Rows>(task, in, there, work) : 0.f;
  // Two lanes write one half each: one piece of 32 bytes on the bus.
  if (lane < 2)
    reinterpret_cast<float4*>(task.out + i)[lane] =
        lane == 0 ? float4{there.x, there.y, there.error, fb}
                  : float4{__uint_as_float(there.status), 0.f, 0.f, 0.f};
}

template <int Rows>
void launch(const FollowTask& task, const Shape& shape, cudaStream_t stream) {
  const int bytes = shared_bytes(shape), warps = bytes > (24 << 10) ? 1 : kMaxWarps;
  const unsigned blocks = (task.n + unsigned(warps) - 1) / unsigned(warps);
  follow_kernel<Rows><<<blocks, 32 * unsigned(warps), size_t(warps * bytes), stream>>>(task);
}

}  // namespace

// The usual windows, 21 × 21 and 15 × 15, have their loops unrolled.
void launch_follow(const FollowTask& task, cudaStream_t stream) {
  if (task.n == 0) return;
  const Shape shape = shape_of(task.win_width, task.win_height);
  switch (shape.rows) {
    case 2: launch<2>(task, shape, stream); break;
    case 5: launch<5>(task, shape, stream); break;
    default: launch<0>(task, shape, stream); break;
  }
  check_launch("launch the search");
}

}  // namespace lk::cuda
