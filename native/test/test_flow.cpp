// Pyramids and Lucas–Kanade against slow plain versions of them, and every
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

using namespace lk;

namespace {

Image view(const Picture& p) { return {p.pixels.data(), p.width, p.height, p.width}; }

int mirrored(int i, int n) {
  if (n == 1) return 0;
  while (i < 0 || i >= n) i = i < 0 ? -i : 2 * (n - 1) - i;
  return i;
}

int pixel(const Picture& p, int x, int y) {
  return p.at(mirrored(x, p.width), mirrored(y, p.height));
}

// ---- The plain versions ---------------------------------------------------------

Turn g_turn;  // which nobody ends

Picture plain_pyr_down(const Picture& p) {
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

// Gradients at a whole pixel: Scharr, 0 outside of the image.
void plain_gradient(const Picture& p, int x, int y, double* g) {
  g[0] = g[1] = 0;
  if (x < 0 || y < 0 || x >= p.width || y >= p.height) return;
  const int taps[] = {3, 10, 3};
  for (int i = 0; i < 3; ++i) {
    g[0] += taps[i] * (pixel(p, x + 1, y + i - 1) - pixel(p, x - 1, y + i - 1));
    g[1] += taps[i] * (pixel(p, x + i - 1, y + 1) - pixel(p, x + i - 1, y - 1));
  }
}

template <class At>
double plain_bilinear(double x, double y, const At& at) {
  const int ix = int(std::floor(x)), iy = int(std::floor(y));
  const double a = x - ix, b = y - iy;
  return (1 - b) * ((1 - a) * at(ix, iy) + a * at(ix + 1, iy)) +
         b * ((1 - a) * at(ix, iy + 1) + a * at(ix + 1, iy + 1));
}

// The algorithm as one would write it down, in double precision.
FlowPoint plain_follow(const std::vector<Picture>& prev, const std::vector<Picture>& next,
                       const FlowTask& t, FlowPoint p) {
  const double half_x = (t.win_width - 1) * .5, half_y = (t.win_height - 1) * .5;
  const auto outside = [&](const Picture& i, double x, double y) {
    return !(x >= -t.win_width && x < i.width && y >= -t.win_height && y < i.height);
  };
  double nx = p.next_x / (1 << t.top_level), ny = p.next_y / (1 << t.top_level);
  p.error = 0;
  for (int level = t.top_level; level >= 0; --level) {
    if (level != t.top_level) nx *= 2, ny *= 2;
    p.status = LK_TRACKED;
    const Picture &I = prev[size_t(level)], &J = next[size_t(level)];
    const double x = double(p.x) / (1 << level) - half_x, y = double(p.y) / (1 << level) - half_y;
    if (outside(I, x, y)) {
      p.status = LK_OUT_OF_FRAME;
      continue;
    }
    std::vector<double> gx, gy, grey;
    double a11 = 0, a12 = 0, a22 = 0;
    for (int j = 0; j < t.win_height; ++j)
      for (int i = 0; i < t.win_width; ++i) {
        const auto gradient = [&](int c) {
          return plain_bilinear(x + i, y + j, [&](int px, int py) {
            double g[2];
            plain_gradient(I, px, py, g);
            return g[c];
          });
        };
        gx.push_back(std::floor(gradient(0) + .5));
        gy.push_back(std::floor(gradient(1) + .5));
        grey.push_back(plain_bilinear(x + i, y + j, [&](int px, int py) { return pixel(I, px, py); }));
        a11 += gx.back() * gx.back();
        a12 += gx.back() * gy.back();
        a22 += gy.back() * gy.back();
      }
    a11 /= 1 << 20, a12 /= 1 << 20, a22 /= 1 << 20;
    const double eig = (a22 + a11 - std::sqrt((a11 - a22) * (a11 - a22) + 4 * a12 * a12)) /
                       (2 * t.win_width * t.win_height);
    const double det = a11 * a22 - a12 * a12;
    if (eig < t.min_eig_threshold || det < 1.1920929e-07) {
      p.status = LK_FLAT;
      continue;
    }
    double wx = nx - half_x, wy = ny - half_y, last_x = 0, last_y = 0;
    const auto grey_next = [&](int i, int j) {
      return plain_bilinear(wx + i, wy + j, [&](int px, int py) { return pixel(J, px, py); });
    };
    for (int k = 0; k < t.max_count; ++k) {
      if (outside(J, wx, wy)) {
        p.status = LK_OUT_OF_FRAME;
        break;
      }
      double b1 = 0, b2 = 0;
      for (int j = 0, n = 0; j < t.win_height; ++j)
        for (int i = 0; i < t.win_width; ++i, ++n) {
          const double d = (grey_next(i, j) - grey[size_t(n)]) / (1 << 15);
          b1 += d * gx[size_t(n)];
          b2 += d * gy[size_t(n)];
        }
      const double dx = (a12 * b2 - a22 * b1) / det, dy = (a12 * b1 - a11 * b2) / det;
      wx += dx, wy += dy;
      if (dx * dx + dy * dy <= double(t.epsilon) * t.epsilon) break;
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
      for (int j = 0, n = 0; j < t.win_height; ++j)
        for (int i = 0; i < t.win_width; ++i, ++n)
          sum += std::abs(grey_next(i, j) - grey[size_t(n)]);
      p.error = float(sum / (t.win_width * t.win_height));
    }
  }
  p.next_x = float(nx), p.next_y = float(ny);
  return p;
}

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
      expected = plain_pyr_down(expected);
      const Image& got = pyramid.levels()[level];
      CHECK_EQUAL(got.width, expected.width);
      CHECK_EQUAL(got.height, expected.height);
      int wrong = 0;
      for (int y = -6; y < got.height + 6; ++y)
        for (int x = -6; x < got.width + 6; ++x)
          wrong += got.row(y)[x] != pixel(expected, x, y);
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

struct Run {
  Pyramid prev, next;
  FlowTask task;

  Run(const Case& c, const Kernels& kernels)
      : Run(c, kernels, waves(c.width, c.height),
            waves(c.width, c.height, c.shift_x, c.shift_y)) {}

  Run(const Case& c, const Kernels& kernels, const Picture& a, const Picture& b) {
    const int top = usable_levels(c.width, c.height, c.win_width, c.win_height, c.max_level);
    prev.copy_from(view(a), g_turn);
    next.copy_from(view(b), g_turn);
    prev.build(top, c.win_width, c.win_height, kernels, g_turn);
    next.build(top, c.win_width, c.win_height, kernels, g_turn);
    task = {prev.levels(), next.levels(), top, c.win_width, c.win_height, 30, .01f, 1e-4f, false};
  }
};

void test_against_plain(const Kernels& kernels) {
  for (const Case& c : kCases) {
    Run run(c, kernels);
    std::vector<Picture> prev{waves(c.width, c.height)};
    std::vector<Picture> next{waves(c.width, c.height, c.shift_x, c.shift_y)};
    for (int i = 0; i < run.task.top_level; ++i) {
      prev.push_back(plain_pyr_down(prev.back()));
      next.push_back(plain_pyr_down(next.back()));
    }
    auto points = points_for(c, c.win_width * c.win_height > 1000 ? 12 : 60);
    const auto given = points;
    kernels.follow(run.task, points.data(), points.size());
    size_t other_status = 0, far = 0;
    for (size_t i = 0; i < points.size(); ++i) {
      const FlowPoint expected = plain_follow(prev, next, run.task, given[i]);
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
  for (const bool get_min_eigenvals : {false, true})
    for (const Case& c : kCases)
      for (int picture = 0; picture < 3; ++picture) {
        const auto make = [&](double x, double y) {
          return picture == 0   ? waves(c.width, c.height, x, y)
                 : picture == 1 ? noise(c.width, c.height, uint64_t(x * 10 + 50))
                                : squares(c.width, c.height, 2);  // the steepest there are
        };
        const Picture a = make(0, 0), b = make(c.shift_x, c.shift_y);
        Run one(c, kernels, a, b), other(c, reference, a, b);
        one.task.get_min_eigenvals = other.task.get_min_eigenvals = get_min_eigenvals;
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
