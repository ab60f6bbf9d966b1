// Corners after Shi and Tomasi, or Harris and Stephens, as one would write them down.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "lkstream.h"
#include "pixels.h"

namespace reference {

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
