// What the engines compute, as one would write it down: no vectors, nothing kept from
// one step to the next, double precision where it is not defined otherwise. Slow, and
// the place to begin reading. Both engines are tested against it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "lkstream.h"
#include "pictures.h"

namespace reference {

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

// Gradients at a whole pixel: Scharr, 0 outside of the image.
inline void gradient_at(const Picture& p, int x, int y, double* g) {
  g[0] = g[1] = 0;
  if (x < 0 || y < 0 || x >= p.width || y >= p.height) return;
  const int taps[] = {3, 10, 3};
  for (int i = 0; i < 3; ++i) {
    g[0] += taps[i] * (pixel(p, x + 1, y + i - 1) - pixel(p, x - 1, y + i - 1));
    g[1] += taps[i] * (pixel(p, x + i - 1, y + 1) - pixel(p, x + i - 1, y - 1));
  }
}

template <class At>
double bilinear(double x, double y, const At& at) {
  const int ix = int(std::floor(x)), iy = int(std::floor(y));
  const double a = x - ix, b = y - iy;
  return (1 - b) * ((1 - a) * at(ix, iy) + a * at(ix + 1, iy)) +
         b * ((1 - a) * at(ix, iy + 1) + a * at(ix + 1, iy + 1));
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
    p.status = LK_TRACKED;
    const Picture &I = prev[size_t(level)], &J = next[size_t(level)];
    const double x = double(p.x) / (1 << level) - half_x, y = double(p.y) / (1 << level) - half_y;
    if (outside(I, x, y)) {
      p.status = LK_OUT_OF_FRAME;
      continue;
    }
    // The window in I: gradients, rounded to whole numbers, and grey levels.
    std::vector<double> gx, gy, grey;
    double a11 = 0, a12 = 0, a22 = 0;
    for (int j = 0; j < height; ++j)
      for (int i = 0; i < width; ++i) {
        const auto gradient = [&](int c) {
          return bilinear(x + i, y + j, [&](int px, int py) {
            double g[2];
            gradient_at(I, px, py, g);
            return g[c];
          });
        };
        gx.push_back(std::floor(gradient(0) + .5));
        gy.push_back(std::floor(gradient(1) + .5));
        grey.push_back(bilinear(x + i, y + j, [&](int px, int py) { return pixel(I, px, py); }));
        a11 += gx.back() * gx.back();
        a12 += gx.back() * gy.back();
        a22 += gy.back() * gy.back();
      }
    a11 /= 1 << 20, a12 /= 1 << 20, a22 /= 1 << 20;
    const double eig = (a22 + a11 - std::sqrt((a11 - a22) * (a11 - a22) + 4 * a12 * a12)) /
                       (2 * width * height);
    const double det = a11 * a22 - a12 * a12;
    if (eig < o.min_eig_threshold || det < 1.1920929e-07) {
      p.status = LK_FLAT;
      continue;
    }
    // The search in J.
    double wx = nx - half_x, wy = ny - half_y, last_x = 0, last_y = 0;
    const auto grey_next = [&](int i, int j) {
      return bilinear(wx + i, wy + j, [&](int px, int py) { return pixel(J, px, py); });
    };
    for (int k = 0; k < int(o.max_count); ++k) {
      if (outside(J, wx, wy)) {
        p.status = LK_OUT_OF_FRAME;
        break;
      }
      double b1 = 0, b2 = 0;
      for (int j = 0, n = 0; j < height; ++j)
        for (int i = 0; i < width; ++i, ++n) {
          const double d = (grey_next(i, j) - grey[size_t(n)]) / (1 << 15);
          b1 += d * gx[size_t(n)];
          b2 += d * gy[size_t(n)];
        }
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
    if (level == 0 && p.status == LK_TRACKED) {
      if (outside(J, wx, wy)) {
        p.status = LK_OUT_OF_FRAME;
        break;
      }
      double sum = 0;
      for (int j = 0, n = 0; j < height; ++j)
        for (int i = 0; i < width; ++i, ++n)
          sum += std::abs(grey_next(i, j) - grey[size_t(n)]);
      p.error = float(sum / (width * height));
    }
  }
  p.next_x = float(nx), p.next_y = float(ny);
  return p;
}

// ---- Corners -----------------------------------------------------------------------------

// Of every pixel: the smaller eigenvalue of Σ ∇I ∇Iᵀ over the block (Shi–Tomasi), or
// det − k · trace² of it (Harris).
inline std::vector<float> scores_of(const Picture& p, const lk_detect_options& o) {
  const int size = int(o.gradient_size), block = int(o.block_size);
  std::vector<int> smooth{1}, derive{-1, 1};
  for (int i = 1; i < size; ++i) {  // binomials, and their differences
    std::vector<int> wider(smooth.size() + 1);
    for (size_t k = 0; k < smooth.size(); ++k) wider[k] += smooth[k], wider[k + 1] += smooth[k];
    smooth = wider;
  }
  for (int i = 2; i < size; ++i) {
    std::vector<int> wider(derive.size() + 1);
    for (size_t k = 0; k < derive.size(); ++k) wider[k] += derive[k], wider[k + 1] += derive[k];
    derive = wider;
  }
  std::vector<double> xx, xy, yy;
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
      if (o.use_harris) {
        scores.push_back(a * c - b * b - o.k * (a + c) * (a + c));
      } else {
        const float u = a * .5f, v = c * .5f;
        scores.push_back((u + v) - std::sqrt((u - v) * (u - v) + b * b));
      }
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
  const auto allowed = [&](int x, int y) { return !mask || mask->at(x, y) != 0; };
  float best = 0;
  for (int y = 0; y < p.height; ++y)
    for (int x = 0; x < p.width; ++x)
      if (allowed(x, y)) best = std::max(best, scores[size_t(y) * p.width + x]);
  std::vector<std::pair<float, int>> found;
  for (int y = 1; y < p.height - 1; ++y)
    for (int x = 1; x < p.width - 1; ++x) {
      const float score = scores[size_t(y) * p.width + x];
      bool largest = score > best * o.quality_level && allowed(x, y);
      for (int j = -1; j <= 1; ++j)
        for (int i = -1; i <= 1; ++i)
          largest &= score >= scores[size_t(y + j) * p.width + x + i];
      if (largest) found.push_back({score, y * p.width + x});
    }
  std::sort(found.rbegin(), found.rend());
  std::vector<Corner> corners;
  for (const auto& [score, at] : found) {
    if (corners.size() == o.max_corners) break;
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
