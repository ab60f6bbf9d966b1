// Lucas–Kanade, as one would write it down: no vectors, nothing kept from one step to the
// next, double precision where it is not defined otherwise. Slow, and the place to begin
// reading. Both engines are tested against what is in this folder.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "lkstream.h"
#include "pixels.h"

namespace reference {

using Values = std::vector<double>;

// ---- Pyramids: a 5 × 5 Gaussian, and every second pixel of every second row -------------

inline Picture half_of(const Picture& p) {
  const int taps[] = {1, 4, 6, 4, 1};
  Picture half((p.width + 1) / 2, (p.height + 1) / 2);
  for (int y = 0; y < half.height; ++y)
    for (int x = 0; x < half.width; ++x) {
      int sum = 128;
      for (int j = 0; j < 5; ++j)
        for (int i = 0; i < 5; ++i)
          sum += taps[i] * taps[j] * pixel(p, 2 * x + i - 2, 2 * y + j - 2);
      half.at(x, y) = uint8_t(sum >> 8);
    }
  return half;
}

// Levels not larger than the window are of no use.
inline std::vector<Picture> pyramid_of(const Picture& p, const lk_flow_options& o) {
  std::vector<Picture> levels{p};
  while (levels.size() <= o.max_level) {
    const Picture half = half_of(levels.back());
    if (half.width <= int(o.win_width) || half.height <= int(o.win_height)) break;
    levels.push_back(half);
  }
  return levels;
}

// ---- Lucas–Kanade ------------------------------------------------------------------------

// Scharr's gradient at a whole pixel, along x or y; 0 outside of the image.
inline int gradient(const Picture& p, int x, int y, bool along_x) {
  if (x < 0 || y < 0 || x >= p.width || y >= p.height) return 0;
  const int taps[] = {3, 10, 3};
  int sum = 0;
  for (int i = -1; i <= 1; ++i)
    sum += taps[i + 1] * (along_x ? pixel(p, x + 1, y + i) - pixel(p, x - 1, y + i)
                                  : pixel(p, x + i, y + 1) - pixel(p, x + i, y - 1));
  return sum;
}

// What `at` gives for whole pixels, in a window whose top left corner is at (x, y):
// bilinear, row by row.
template <class At>
Values window_of(const lk_flow_options& o, double x, double y, const At& at) {
  const int ix = int(std::floor(x)), iy = int(std::floor(y));
  const double a = x - ix, b = y - iy;
  Values values;
  for (int j = iy; j < iy + int(o.win_height); ++j)
    for (int i = ix; i < ix + int(o.win_width); ++i)
      values.push_back((1 - b) * ((1 - a) * at(i, j) + a * at(i + 1, j)) +
                       b * ((1 - a) * at(i, j + 1) + a * at(i + 1, j + 1)));
  return values;
}

inline double dot(const Values& a, const Values& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.);
}

struct Point {
  float x, y;            // in prev
  float next_x, next_y;  // in: the guess; out: the place in next
  float error;
  uint8_t status;        // lk_point_status
};

// Follows a point from the coarsest level to the finest. On each, the step δ solves
// A δ = Σ (I − J) ∇I, where A = Σ ∇I ∇Iᵀ over the window, until it is short enough.
inline Point follow(const std::vector<Picture>& prev, const std::vector<Picture>& next,
                    const lk_flow_options& o, Point p) {
  const int top = int(prev.size()) - 1, width = int(o.win_width), height = int(o.win_height);
  const double half_x = (width - 1) * .5, half_y = (height - 1) * .5;
  const auto outside = [&](const Picture& i, double x, double y) {
    return !(x >= -width && x < i.width && y >= -height && y < i.height);
  };
  double nx = p.next_x / (1 << top), ny = p.next_y / (1 << top);
  p.error = 0;
  for (int level = top; level >= 0; --level) {
    if (level != top) nx *= 2, ny *= 2;
    const Picture &I = prev[size_t(level)], &J = next[size_t(level)];
    const double x = double(p.x) / (1 << level) - half_x, y = double(p.y) / (1 << level) - half_y;
    p.status = LK_OUT_OF_FRAME;
    if (outside(I, x, y)) continue;
    // The window in I: grey levels, and gradients rounded to whole numbers.
    const Values grey = window_of(o, x, y, [&](int i, int j) { return pixel(I, i, j); });
    const auto rounded_gradients = [&](bool along_x) {
      Values g = window_of(o, x, y, [&](int i, int j) { return gradient(I, i, j, along_x); });
      for (double& v : g) v = std::floor(v + .5);
      return g;
    };
    const Values gx = rounded_gradients(true), gy = rounded_gradients(false);
    const double scale = 1. / (1 << 20);
    const double a11 = dot(gx, gx) * scale, a12 = dot(gx, gy) * scale, a22 = dot(gy, gy) * scale;
    const double eig = (a22 + a11 - std::sqrt((a11 - a22) * (a11 - a22) + 4 * a12 * a12)) /
                       (2 * width * height);
    const double det = a11 * a22 - a12 * a12;
    p.status = LK_FLAT;
    if (eig < o.min_eig_threshold || det < 1.1920929e-07) continue;
    // The search in J.
    p.status = LK_TRACKED;
    double wx = nx - half_x, wy = ny - half_y, last_x = 0, last_y = 0;
    const auto differences = [&] {
      Values d = window_of(o, wx, wy, [&](int i, int j) { return pixel(J, i, j); });
      for (size_t n = 0; n < d.size(); ++n) d[n] -= grey[n];
      return d;
    };
    for (int k = 0; k < int(o.max_count); ++k) {
      if (outside(J, wx, wy)) {
        p.status = LK_OUT_OF_FRAME;
        break;
      }
      const Values d = differences();
      const double b1 = dot(d, gx) / (1 << 15), b2 = dot(d, gy) / (1 << 15);
      const double dx = (a12 * b2 - a22 * b1) / det, dy = (a12 * b1 - a11 * b2) / det;
      wx += dx, wy += dy;
      if (dx * dx + dy * dy <= double(o.epsilon) * o.epsilon) break;
      // Two steps that cancel: it swings about the place half way.
      if (k > 0 && std::abs(dx + last_x) < .01 && std::abs(dy + last_y) < .01) {
        wx -= dx / 2, wy -= dy / 2;
        break;
      }
      last_x = dx, last_y = dy;
    }
    nx = wx + half_x, ny = wy + half_y;
    if (level > 0 || p.status != LK_TRACKED) continue;
    if (outside(J, wx, wy)) {
      p.status = LK_OUT_OF_FRAME;
    } else {
      for (const double d : differences()) p.error += float(std::abs(d) / (width * height));
    }
  }
  p.next_x = float(nx), p.next_y = float(ny);
  return p;
}

}  // namespace reference
