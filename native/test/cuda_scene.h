// A scene that a camera moves over: texture of all sizes, shapes with sharp
// edges, flat parts; and sensor noise. Fast, for it is made for large frames too.
#pragma once

#include <algorithm>
#include <cmath>

#include "pictures.h"

class Scene {
 public:
  explicit Scene(uint64_t seed) : tile_(kSide, kSide) {
    Random random(seed);
    std::vector<float> sum(size_t(kSide) * kSide, 118.f);
    for (int cell = 4; cell <= 256; cell *= 2) {
      const int n = kSide / cell;
      std::vector<float> grid(size_t(n) * n);
      const float strength = 5.f * std::log2(float(cell));
      for (float& v : grid) v = random.uniform(-strength, strength);
      for (int y = 0; y < kSide; ++y)
        for (int x = 0; x < kSide; ++x) {
          const int gx = x / cell, gy = y / cell, hx = (gx + 1) % n, hy = (gy + 1) % n;
          const float u = eased(float(x % cell) / cell), v = eased(float(y % cell) / cell);
          sum[size_t(y) * kSide + x] +=
              (1 - v) * ((1 - u) * grid[size_t(gy) * n + gx] + u * grid[size_t(gy) * n + hx]) +
              v * ((1 - u) * grid[size_t(hy) * n + gx] + u * grid[size_t(hy) * n + hx]);
        }
    }
    for (int i = 0; i < 260; ++i) {
      const int x0 = random.below(kSide), y0 = random.below(kSide);
      const int w = 8 + random.below(60), h = 8 + random.below(60);
      const float grey = random.uniform(20, 235);
      for (int y = y0; y < y0 + h; ++y)
        for (int x = x0; x < x0 + w; ++x)
          sum[size_t(y % kSide) * kSide + size_t(x % kSide)] = grey;
    }
    for (size_t i = 0; i < sum.size(); ++i)
      tile_.pixels[i] = uint8_t(std::clamp(sum[i], 0.f, 255.f));
  }

  // What the camera sees at time t, in frames.
  Picture frame(int width, int height, float t, int noise = 2) const {
    const float angle = 0.006f * t, zoom = 1.f + 0.002f * t;
    const float c = std::cos(angle) * zoom, s = std::sin(angle) * zoom;
    Picture p(width, height);
    uint32_t random = 12345u + uint32_t(t * 977.f) * 2654435761u;
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const float dx = float(x) - width * .5f, dy = float(y) - height * .5f;
        float sx = c * dx - s * dy + 700.f + 2.7f * t, sy = s * dx + c * dy + 500.f - 1.3f * t;
        const float fx = std::floor(sx), fy = std::floor(sy);
        const float u = sx - fx, v = sy - fy;
        const int ix = int(fx) & (kSide - 1), iy = int(fy) & (kSide - 1);
        const int jx = (ix + 1) & (kSide - 1), jy = (iy + 1) & (kSide - 1);
        const float grey = (1 - v) * ((1 - u) * tile_.at(ix, iy) + u * tile_.at(jx, iy)) +
                           v * ((1 - u) * tile_.at(ix, jy) + u * tile_.at(jx, jy));
        random = random * 1664525u + 1013904223u;
        const int grain = noise ? int(random >> 24) % (2 * noise + 1) - noise : 0;
        p.at(x, y) = uint8_t(std::clamp(int(grey + .5f) + grain, 0, 255));
      }
    return p;
  }

 private:
  static constexpr int kSide = 2048;
  static float eased(float t) { return t * t * (3 - 2 * t); }

  Picture tile_;
};
