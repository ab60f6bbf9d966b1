// Windows that are kept and compared, as one would write it down.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "pixels.h"

namespace reference {

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

}  // namespace reference
