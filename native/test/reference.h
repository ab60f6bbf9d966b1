// What the engines compute, as one would write it down: no vectors, nothing kept from
// one step to the next, double precision where it is not defined otherwise. Slow, and
// the place to begin reading. Both engines are tested against it.
#pragma once

#include <algorithm>
#include <array>
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

// ---- Windows that are kept, and compared ---------------------------------------------------

// What was at u of a window is at point + (a b; c d) u + (x y).
struct Affine {
  double a = 1, b = 0, c = 0, d = 1, x = 0, y = 0;
};

// A picture between its pixels.
inline double between(const Picture& p, double x, double y) {
  const int ix = int(std::floor(x)), iy = int(std::floor(y));
  const double u = x - ix, v = y - iy;
  return (1 - v) * ((1 - u) * pixel(p, ix, iy) + u * pixel(p, ix + 1, iy)) +
         v * ((1 - u) * pixel(p, ix, iy + 1) + u * pixel(p, ix + 1, iy + 1));
}

// Solves A x = b by Gauss's elimination, rows exchanged for the largest pivot.
template <size_t N>
std::array<double, N> solved(std::array<std::array<double, N>, N> a, std::array<double, N> b) {
  for (size_t k = 0; k < N; ++k) {
    size_t best = k;
    for (size_t i = k; i < N; ++i)
      if (std::abs(a[i][k]) > std::abs(a[best][k])) best = i;
    std::swap(a[k], a[best]), std::swap(b[k], b[best]);
    for (size_t i = k + 1; i < N; ++i) {
      const double share = a[i][k] / a[k][k];
      for (size_t j = k; j < N; ++j) a[i][j] -= share * a[k][j];
      b[i] -= share * b[k];
    }
  }
  for (size_t k = N; k-- > 0;) {
    for (size_t j = k + 1; j < N; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return b;
}

// How well the window around (then_x, then_y) of a picture fits another one around (x, y):
// the residual, NaN where there is none, and where it fits best. A step solves, over all
// places (u, v) of the window, in the sense of least squares
//
//   T + q₁ u T_x + q₂ v T_x + q₃ T_x + q₄ u T_y + q₅ v T_y + q₆ T_y = λ J + δ
//
// for q, λ and δ; the motion goes on by the inverse of q's.
inline double compare(const Picture& then, double then_x, double then_y, const Picture& now,
                      double x, double y, int width, int height, Affine& motion) {
  const double half_x = (width - 1) * .5, half_y = (height - 1) * .5, n = width * height;
  const auto for_places = [&](const auto& body) {
    for (int j = 0; j < height; ++j)
      for (int i = 0; i < width; ++i) body(i - half_x, j - half_y);
  };
  const auto grey = [&](double u, double v) { return between(then, then_x + u, then_y + v); };
  double mean = 0, contrast = 0;
  for_places([&](double u, double v) { mean += grey(u, v) / n; });
  for_places([&](double u, double v) { contrast += std::pow(grey(u, v) - mean, 2); });
  double least = std::nan("");
  if (contrast < n) return least;
  Affine m = motion;
  for (int looks = 0; looks < 10; ++looks) {
    const auto at_x = [&](double u, double v) { return x + m.a * u + m.b * v + m.x; };
    const auto at_y = [&](double u, double v) { return y + m.c * u + m.d * v + m.y; };
    bool is_inside = true;
    for (double u : {-half_x, half_x})
      for (double v : {-half_y, half_y})
        is_inside &= at_x(u, v) >= 1 && at_x(u, v) <= now.width - 3 && at_y(u, v) >= 1 &&
                     at_y(u, v) <= now.height - 3;
    if (!is_inside) break;
    double now_mean = 0, now_contrast = 0, both = 0;
    std::array<std::array<double, 8>, 8> a{};
    std::array<double, 8> b{};
    for_places([&](double u, double v) { now_mean += between(now, at_x(u, v), at_y(u, v)) / n; });
    for_places([&](double u, double v) {
      const double t = grey(u, v), j = between(now, at_x(u, v), at_y(u, v));
      now_contrast += (j - now_mean) * (j - now_mean), both += (j - now_mean) * (t - mean);
      const double gx = (grey(u + 1, v) - grey(u - 1, v)) / 2;
      const double gy = (grey(u, v + 1) - grey(u, v - 1)) / 2;
      const double columns[] = {u * gx, v * gx, gx, u * gy, v * gy, gy, -j, -1};
      for (size_t k = 0; k < 8; ++k) {
        for (size_t l = 0; l < 8; ++l) a[k][l] += columns[k] * columns[l];
        b[k] -= columns[k] * t;
      }
    });
    const double residual =
        both > 0 ? std::sqrt(std::max(0., 1 - both * both / (contrast * now_contrast))) : 1;
    if (!(residual >= least)) least = residual, motion = m;
    const auto q = solved(a, b);
    const double far_x = std::abs(q[0]) * half_x + std::abs(q[1]) * half_y + std::abs(q[2]);
    const double far_y = std::abs(q[3]) * half_x + std::abs(q[4]) * half_y + std::abs(q[5]);
    if (q[6] <= 0 || (far_x <= .01 && far_y <= .01) || far_x >= half_x + 1 || far_y >= half_y + 1)
      break;
    const double det = (1 + q[0]) * (1 + q[4]) - q[1] * q[3];
    const double a00 = (m.a * (1 + q[4]) - m.b * q[3]) / det;
    const double a01 = (m.b * (1 + q[0]) - m.a * q[1]) / det;
    const double a10 = (m.c * (1 + q[4]) - m.d * q[3]) / det;
    const double a11 = (m.d * (1 + q[0]) - m.c * q[1]) / det;
    if (det <= .1 || a00 * a11 - a01 * a10 <= 1. / 16) break;
    m = {a00, a01, a10, a11, m.x - a00 * q[2] - a01 * q[5], m.y - a10 * q[2] - a11 * q[5]};
  }
  return least;
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
