// The detector against a slow plain version, on every level of instructions.
#include <algorithm>
#include <utility>

#include "check.h"
#include "cpu/corners.h"
#include "pictures.h"

using namespace lk;

namespace {

int mirrored(int i, int n) {
  if (n == 1) return 0;
  while (i < 0 || i >= n) i = i < 0 ? -i : 2 * (n - 1) - i;
  return i;
}

struct Corner {
  float x, y, score;
  bool operator==(const Corner&) const = default;
};

std::vector<float> plain_scores(const Picture& p, const lk_detect_options& o) {
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
          const int v = p.at(mirrored(x + i - size / 2, p.width), mirrored(y + j - size / 2, p.height));
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

std::vector<Corner> plain_corners(const Picture& p, const DetectRequest& r) {
  const auto scores = plain_scores(p, r.options);
  const auto allowed = [&](int x, int y) { return !r.mask.data || r.mask.row(y)[x] != 0; };
  float best = 0;
  for (int y = 0; y < p.height; ++y)
    for (int x = 0; x < p.width; ++x)
      if (allowed(x, y)) best = std::max(best, scores[size_t(y) * p.width + x]);
  std::vector<std::pair<float, int>> found;
  for (int y = 1; y < p.height - 1; ++y)
    for (int x = 1; x < p.width - 1; ++x) {
      const float score = scores[size_t(y) * p.width + x];
      bool largest = score > best * r.options.quality_level && allowed(x, y);
      for (int j = -1; j <= 1; ++j)
        for (int i = -1; i <= 1; ++i)
          largest &= score >= scores[size_t(y + j) * p.width + x + i];
      if (largest) found.push_back({score, y * p.width + x});
    }
  std::sort(found.rbegin(), found.rend());
  std::vector<Corner> corners;
  for (const auto& [score, at] : found) {
    if (corners.size() == std::min(r.options.max_corners, r.capacity)) break;
    const float x = float(at % p.width), y = float(at / p.width), d = r.options.min_distance;
    const auto near = [&](float px, float py) {
      return d >= 1 && (x - px) * (x - px) + (y - py) * (y - py) < d * d;
    };
    bool free = true;
    for (const auto& c : corners) free &= !near(c.x, c.y);
    for (uint32_t i = 0; i < r.avoid_count; ++i) free &= !near(r.avoid[2 * i], r.avoid[2 * i + 1]);
    if (free) corners.push_back({x, y, score});
  }
  return corners;
}

void compare(const Picture& p, const lk_detect_options& options, const Kernels& kernels,
             bool with_mask, bool with_avoid) {
  Picture mask(p.width, p.height);
  for (int y = 0; y < p.height; ++y)
    for (int x = 0; x < p.width; ++x) mask.at(x, y) = (x + 2 * y) % 50 < 30 ? 1 : 0;
  std::vector<float> avoid;
  Random random(5);
  for (int i = 0; with_avoid && i < 12; ++i) {
    avoid.push_back(random.uniform(-20, float(p.width) + 20));
    avoid.push_back(random.uniform(-20, float(p.height) + 20));
  }
  std::vector<float> places(2000), scores(1000);
  uint32_t count = 0;
  DetectRequest request{options, avoid.data(), uint32_t(avoid.size() / 2), {},
                        places.data(), scores.data(), 1000, &count};
  if (with_mask) request.mask = {mask.pixels.data(), mask.width, mask.height, mask.width};
  CornerDetector detector;
  Turn turn;  // which nobody ends
  detector.detect({p.pixels.data(), p.width, p.height, p.width}, request, kernels, turn);
  std::vector<Corner> corners;
  for (uint32_t i = 0; i < count; ++i)
    corners.push_back({places[2 * i], places[2 * i + 1], scores[i]});
  const auto expected = plain_corners(p, request);
  if (corners == expected) return;
  std::printf("%s: %d x %d, block %u, gradient %u, harris %u, distance %g, mask %d, avoid %d: "
              "%zu corners, not %zu\n",
              kernels.variant, p.width, p.height, options.block_size, options.gradient_size,
              options.use_harris, options.min_distance, with_mask, with_avoid, corners.size(),
              expected.size());
  ++g_failures;
}

void test(const Kernels& kernels) {
  const Picture pictures[] = {waves(110, 70), noise(83, 61, 1), squares(64, 48, 8),
                              noise(3, 3, 2), noise(5, 40, 3), Picture(40, 30)};
  for (const Picture& p : pictures) {
    for (const uint32_t block : {1u, 2u, 3u, 4u, 5u, 8u, 31u})
      for (const uint32_t gradient : {3u, 5u, 7u})
        compare(p, {1000, .01f, 5, block, gradient, 0, .04f}, kernels, false, false);
    for (const float distance : {0.f, .5f, 1.f, 2.5f, 9.4f, 60.f, 100000.f})
      compare(p, {50, .05f, distance, 3, 3, 0, .04f}, kernels, true, true);
    compare(p, {1000, .01f, 4, 3, 3, 1, .04f}, kernels, true, false);
    compare(p, {1000, .01f, 4, 5, 3, 1, .2f}, kernels, false, true);
    compare(p, {7, 1.f, 0, 3, 3, 0, .04f}, kernels, false, false);
  }
}

}  // namespace

int main() {
  for (const Kernels* const* k = kKernels; *k; ++k)
    if ((*k)->runs_here()) {
      std::printf("%s\n", (*k)->variant);
      test(**k);
    }
  return finish("test_corners");
}
