// What the engines compute, as one would write it down: no vectors, nothing kept from
// one step to the next, double precision where it is not defined otherwise. Slow, and
// the place to begin reading. Both engines are tested against it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "lkstream.h"
#include "pictures.h"

namespace reference {

using Values = std::vector<double>;

// Pictures go on beyond their borders, mirrored, without repeating the last pixel.
inline int mirrored(int i, int n) {
  if (n == 1) return 0;
  while (i < 0 || i >= n) i = i < 0 ? -i : 2 * (n - 1) - i;
  return i;
}

inline int pixel(const Picture& p, int x, int y) {
  return p.at(mirrored(x, p.width), mirrored(y, p.height));
}

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

// ---- Corners -----------------------------------------------------------------------------

// Taps smoothed by (1 1) so many times: of {1}, binomials.
inline std::vector<int> smoothed(std::vector<int> taps, int times) {
  for (; times > 0; --times) {
    taps.push_back(0);
    for (size_t k = taps.size() - 1; k > 0; --k) taps[k] += taps[k - 1];
  }
  return taps;
}

// Of every pixel: the smaller eigenvalue of Σ ∇I ∇Iᵀ over the block (Shi–Tomasi), or
// det − k · trace² of it (Harris). The gradients are Sobel's.
inline std::vector<float> scores_of(const Picture& p, const lk_detect_options& o) {
  const int size = int(o.gradient_size), block = int(o.block_size);
  const auto smooth = smoothed({1}, size - 1), derive = smoothed({-1, 1}, size - 2);
  Values xx, xy, yy;
  for (int y = 0; y < p.height; ++y)
    for (int x = 0; x < p.width; ++x) {
      double dx = 0, dy = 0;
      for (int j = 0; j < size; ++j)
        for (int i = 0; i < size; ++i) {
          const int v = pixel(p, x + i - size / 2, y + j - size / 2);
          dx += v * derive[size_t(i)] * smooth[size_t(j)];
          dy += v * smooth[size_t(i)] * derive[size_t(j)];
        }
      xx.push_back(dx * dx), xy.push_back(dx * dy), yy.push_back(dy * dy);
    }
  const double scale = 1. / (double(1 << (size - 1)) * block * 255.);
  const float scale2 = float(scale * scale);
  std::vector<float> scores;
  for (int y = 0; y < p.height; ++y)
    for (int x = 0; x < p.width; ++x) {
      double sxx = 0, sxy = 0, syy = 0;
      for (int j = 0; j < block; ++j)
        for (int i = 0; i < block; ++i) {
          const size_t at = size_t(mirrored(y + j - block / 2, p.height)) * p.width +
                            mirrored(x + i - block / 2, p.width);
          sxx += xx[at], sxy += xy[at], syy += yy[at];
        }
      const float a = float(sxx) * scale2, b = float(sxy) * scale2, c = float(syy) * scale2;
      const float u = a * .5f, v = c * .5f;
      scores.push_back(o.use_harris ? a * c - b * b - o.k * (a + c) * (a + c)
                                    : (u + v) - std::sqrt((u - v) * (u - v) + b * b));
    }
  return scores;
}

struct Corner {
  float x, y, score;
  bool operator==(const Corner&) const = default;
};

// The strongest pixels that are not less than any of their neighbours and that keep
// their distance; of equals, the one farther on in memory first. Without a mask:
// everywhere.
inline std::vector<Corner> corners_of(const Picture& p, const lk_detect_options& o,
                                      const std::vector<float>& avoid = {},
                                      const Picture* mask = nullptr) {
  const auto scores = scores_of(p, o);
  const auto score_at = [&](int x, int y) { return scores[size_t(y) * p.width + x]; };
  const auto allowed = [&](int x, int y) { return !mask || mask->at(x, y) != 0; };
  float best = 0;
  for (int y = 0; y < p.height; ++y)
    for (int x = 0; x < p.width; ++x)
      if (allowed(x, y)) best = std::max(best, score_at(x, y));
  std::vector<std::pair<float, int>> found;
  for (int y = 1; y < p.height - 1; ++y)
    for (int x = 1; x < p.width - 1; ++x) {
      bool largest = score_at(x, y) > best * o.quality_level && allowed(x, y);
      for (int j = -1; j <= 1; ++j)
        for (int i = -1; i <= 1; ++i) largest &= score_at(x, y) >= score_at(x + i, y + j);
      if (largest) found.push_back({score_at(x, y), y * p.width + x});
    }
  std::sort(found.rbegin(), found.rend());
  std::vector<Corner> corners;
  for (const auto& [score, at] : found) {
    if (o.max_corners > 0 && corners.size() == o.max_corners) break;
    const float x = float(at % p.width), y = float(at / p.width), d = o.min_distance;
    const auto near = [&](float px, float py) {
      return d >= 1 && (x - px) * (x - px) + (y - py) * (y - py) < d * d;
    };
    bool free = true;
    for (const auto& c : corners) free &= !near(c.x, c.y);
    for (size_t i = 0; i < avoid.size(); i += 2) free &= !near(avoid[i], avoid[i + 1]);
    if (free) corners.push_back({x, y, score});
  }
  return corners;
}

}  // namespace reference
