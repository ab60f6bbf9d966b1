// The detector against the reference, on every level of instructions.
#include <algorithm>
#include <utility>

#include "check.h"
#include "cpu/corners.h"
#include "pictures.h"
#include "reference/corners.h"

using namespace lk;

namespace {

using reference::Corner;

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
  const auto expected =
      reference::corners_of(p, options, avoid, with_mask ? &mask : nullptr);
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
