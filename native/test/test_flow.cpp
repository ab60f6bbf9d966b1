// Pyramids and Lucas–Kanade against the reference, and every
// level of vector instructions against all others, bit by bit.
#include <algorithm>
#include <cstring>
#include <limits>

#include "check.h"
#include "cpu/kernels.h"
#include "cpu/pyramid.h"
#include "levels.h"
#include "lkstream.h"
#include "pictures.h"
#include "reference/flow.h"

using namespace lk;

namespace {

Image view(const Picture& p) { return {p.pixels.data(), p.width, p.height, p.width}; }

Turn g_turn;  // which nobody ends

// ---- The tests ---------------------------------------------------------------------

void test_pyr_down(const Kernels& kernels) {
  const int sizes[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 2}, {3, 2},  {5, 4},
                          {7, 7}, {33, 17}, {66, 65}, {129, 30}, {200, 131}};
  for (const auto& size : sizes) {
    Picture expected = noise(size[0], size[1], 3);
    Pyramid pyramid;
    pyramid.copy_from(view(expected), g_turn);
    pyramid.build(4, 5, 5, kernels, g_turn);
    for (int level = 1; level <= 4; ++level) {
      expected = reference::half_of(expected);
      const Image& got = pyramid.levels()[level];
      CHECK_EQUAL(got.width, expected.width);
      CHECK_EQUAL(got.height, expected.height);
      int wrong = 0;
      for (int y = -6; y < got.height + 6; ++y)
        for (int x = -6; x < got.width + 6; ++x)
          wrong += got.row(y)[x] != reference::pixel(expected, x, y);
      CHECK_EQUAL(wrong, 0);
    }
  }
}

struct Case {
  int width, height, win_width, win_height, max_level;
  double shift_x, shift_y;
};

const Case kCases[] = {
    {160, 120, 21, 21, 3, 2.3, -1.7}, {160, 120, 15, 15, 2, -4.6, 3.1},
    {97, 83, 3, 3, 0, 0.3, 0.2},      {90, 75, 9, 31, 1, 1.5, 1.5},
    {150, 140, 63, 63, 1, 3.2, 2.2},  {120, 120, 22, 16, 3, -2, 5},
    {40, 30, 47, 7, 2, 1, 0},         {130, 40, 33, 24, 2, 0, 0},
    {80, 70, 4, 4, 0, 0.2, -0.3},     {150, 140, 62, 62, 1, 2.2, -3.2},
};

std::vector<FlowPoint> points_for(const Case& c, int n) {
  Random random(uint64_t(c.width));
  std::vector<FlowPoint> points;
  const float reach = float(c.win_width) * .8f;  // outside of the image, too
  for (int i = 0; i < n; ++i) {
    const float x = random.uniform(-reach, float(c.width) + reach);
    const float y = random.uniform(-reach, float(c.height) + reach);
    points.push_back({x, y, x, y, 0, 0});
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  points.push_back({nan, 5, nan, 5, 0, 0});
  points.push_back({5, 1e30f, 5, 1e30f, 0, 0});
  points.push_back({20, 20, nan, 3e38f, 0, 0});
  return points;
}

lk_flow_options options_of(const Case& c) {
  return {uint32_t(c.win_width), uint32_t(c.win_height), uint32_t(c.max_level), 30, .01f, 1e-4f, 0};
}

struct Run {
  Pyramid prev, next;
  FlowTask task;

  Run(const Case& c, const Kernels& kernels)
      : Run(c, kernels, waves(c.width, c.height),
            waves(c.width, c.height, c.shift_x, c.shift_y)) {}

  Run(const Case& c, const Kernels& kernels, const Picture& a, const Picture& b) {
    const lk_flow_options options = options_of(c);
    const int top = usable_levels(c.width, c.height, options);
    prev.copy_from(view(a), g_turn);
    next.copy_from(view(b), g_turn);
    prev.build(top, c.win_width, c.win_height, kernels, g_turn);
    next.build(top, c.win_width, c.win_height, kernels, g_turn);
    task = {prev.levels(), next.levels(), top, options};
  }
};

void test_against_plain(const Kernels& kernels) {
  for (const Case& c : kCases) {
    Run run(c, kernels);
    std::vector<Picture> prev{waves(c.width, c.height)};
    std::vector<Picture> next{waves(c.width, c.height, c.shift_x, c.shift_y)};
    for (int i = 0; i < run.task.top_level; ++i) {
      prev.push_back(reference::half_of(prev.back()));
      next.push_back(reference::half_of(next.back()));
    }
    auto points = points_for(c, c.win_width * c.win_height > 1000 ? 12 : 60);
    const auto given = points;
    kernels.follow(run.task, points.data(), points.size());
    size_t other_status = 0, far = 0;
    for (size_t i = 0; i < points.size(); ++i) {
      const FlowPoint& p = given[i];
      const auto expected =
          reference::follow(prev, next, run.task.options, {p.x, p.y, p.next_x, p.next_y, 0, 0});
      other_status += points[i].status != expected.status;
      if (points[i].status != LK_TRACKED || expected.status != LK_TRACKED) continue;
      far += std::hypot(points[i].next_x - expected.next_x, points[i].next_y - expected.next_y) >
                 .005f ||
             std::abs(points[i].error - expected.error) > .02f;
    }
    // A search that ends just under epsilon, or swings, may end one step later.
    if (other_status > 0 || far > points.size() / 20)
      std::printf("window %d x %d: %zu statuses, %zu places differ of %zu\n", c.win_width,
                  c.win_height, other_status, far, points.size());
    CHECK(other_status == 0);
    CHECK(far <= points.size() / 20);
  }
}

bool same_bits(const std::vector<FlowPoint>& a, const std::vector<FlowPoint>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].status != b[i].status) return false;
    const float u[] = {a[i].next_x, a[i].next_y, a[i].error};
    const float v[] = {b[i].next_x, b[i].next_y, b[i].error};
    for (int k = 0; k < 3; ++k)
      if (std::memcmp(&u[k], &v[k], 4) && !(std::isnan(u[k]) && std::isnan(v[k]))) return false;
  }
  return true;
}

void test_levels_agree(const Kernels& kernels, const Kernels& reference) {
  for (const uint32_t flags : {0u, LK_FLOW_GET_MIN_EIGENVALS})
    for (const Case& c : kCases)
      for (int picture = 0; picture < 3; ++picture) {
        const auto make = [&](double x, double y) {
          return picture == 0   ? waves(c.width, c.height, x, y)
                 : picture == 1 ? noise(c.width, c.height, uint64_t(x * 10 + 50))
                                : squares(c.width, c.height, 2);  // the steepest there are
        };
        const Picture a = make(0, 0), b = make(c.shift_x, c.shift_y);
        Run one(c, kernels, a, b), other(c, reference, a, b);
        one.task.options.flags = other.task.options.flags = flags;
        auto points = points_for(c, 150), expected = points;
        kernels.follow(one.task, points.data(), points.size());
        reference.follow(other.task, expected.data(), expected.size());
        if (!same_bits(points, expected)) {
          std::printf("%s differs from %s: window %d x %d, picture %d\n", kernels.variant,
                      reference.variant, c.win_width, c.win_height, picture);
          ++g_failures;
        }
      }
}

}  // namespace

int main() {
  const Kernels* reference = nullptr;
  for (const Kernels* const* k = kKernels; *k; ++k) reference = *k;
  for (const Kernels* const* k = kKernels; *k; ++k) {
    if (!(*k)->runs_here()) {
      std::printf("%s: skipped, this CPU does not have it\n", (*k)->variant);
      continue;
    }
    std::printf("%s\n", (*k)->variant);
    test_pyr_down(**k);
    test_levels_agree(**k, *reference);
  }
  test_against_plain(*reference);
  return finish("test_flow");
}
