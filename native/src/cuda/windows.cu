// Windows that are kept, and compared: a warp a window. What is done with the sums over
// a window is the CPU engine's code (affine_fit.h), and so are the results, bit by bit: a
// lane sums up what the same lane of the CPU engine does, in the same order, and without
// contraction (-fmad=false).
#include "windows.h"

#include "cuda_check.h"
#include "lkstream.h"

namespace lk::cuda {
namespace {

#include "../affine_fit.h"

constexpr unsigned kLanes = 32, kAll = 0xffffffffu;

__global__ void take_kernel(const __grid_constant__ TakeTask task) {
  const uint32_t i = blockIdx.x;
  const TopLeft corner = task.corners[i];
  const int bytes = task.columns * task.rows;
  uint8_t* window = task.d_windows + size_t(i) * size_t(bytes);
  for (int k = int(threadIdx.x); k < bytes; k += int(kLanes))
    window[k] = corner.x < 0
                    ? 0
                    : task.image.d_pixels[size_t(corner.y + k / task.columns) *
                                              size_t(task.image.pitch) +
                                          size_t(corner.x + k % task.columns)];
}

// Of all lanes, the same in all of them.
__device__ double lane_sum(double v) {
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(kAll, v, offset);
  return v;
}

// What a lane keeps of the template: T, T_x and T_y of its samples, which lie in shared
// memory, where only the lane itself reads them again.
struct Kept {
  double *t, *gx, *gy;
};

// A lane's samples of a window.
template <class Body>
__device__ void for_samples(int width, int height, const Body& body) {
  for (int i = int(threadIdx.x); i < width * height; i += int(kLanes)) body(i, i % width, i / width);
}

// The gradient's columns of a sample.
struct Columns {
  double k[6];

  __device__ Columns(double gx, double gy, int x, int y, int width, int height) {
    const double u = x - 0.5 * (width - 1), v = y - 0.5 * (height - 1);
    k[0] = gx * u, k[1] = gx * v, k[2] = gx;
    k[3] = gy * u, k[4] = gy * v, k[5] = gy;
  }
};

__device__ TemplateSums take_template(const KeptWindow& window, int width, int height,
                                      const Kept& kept) {
  TemplateSums sums{};
  for_samples(width, height, [&](int i, int x, int y) {
    const double t = kept.t[i] = window.at(x, y);
    const double gx = kept.gx[i] = window.gradient_x(x, y);
    const double gy = kept.gy[i] = window.gradient_y(x, y);
    const Columns g(gx, gy, x, y, width, height);
    sums.t += t;
    sums.tt += t * t;
#pragma unroll
    for (int k = 0; k < 6; ++k) {
      sums.g[k] += g.k[k];
      sums.gt[k] += g.k[k] * t;
#pragma unroll
      for (int l = 0; l <= k; ++l) sums.gg[k * (k + 1) / 2 + l] += g.k[k] * g.k[l];
    }
  });
  sums.t = lane_sum(sums.t);
  sums.tt = lane_sum(sums.tt);
#pragma unroll
  for (int k = 0; k < 6; ++k) sums.g[k] = lane_sum(sums.g[k]), sums.gt[k] = lane_sum(sums.gt[k]);
#pragma unroll
  for (int k = 0; k < 21; ++k) sums.gg[k] = lane_sum(sums.gg[k]);
  return sums;
}

__device__ FrameSums take_frame(const DeviceImage& image, const CompareIn& at, const Warp& w,
                                int width, int height, const Kept& kept) {
  FrameSums sums{};
  for_samples(width, height, [&](int i, int x, int y) {
    const double u = x - 0.5 * (width - 1), v = y - 0.5 * (height - 1);
    const double px = at.x + w.at_x(u, v), py = at.y + w.at_y(u, v);
    const int ix = int(px), iy = int(py);  // they are 0 or more
    const double j = mixed_pixels(image.d_pixels + size_t(iy) * size_t(image.pitch) + ix,
                                  image.pitch, px - ix, py - iy);
    const Columns g(kept.gx[i], kept.gy[i], x, y, width, height);
    sums.j += j;
    sums.jj += j * j;
    sums.tj += kept.t[i] * j;
#pragma unroll
    for (int k = 0; k < 6; ++k) sums.gj[k] += g.k[k] * j;
  });
  sums.j = lane_sum(sums.j);
  sums.jj = lane_sum(sums.jj);
  sums.tj = lane_sum(sums.tj);
#pragma unroll
  for (int k = 0; k < 6; ++k) sums.gj[k] = lane_sum(sums.gj[k]);
  return sums;
}

__global__ void __launch_bounds__(kLanes)
    compare_kernel(const __grid_constant__ CompareWindowsTask task) {
  extern __shared__ double shared[];
  const int width = task.win_width, height = task.win_height, count = width * height;
  const Kept kept{shared, shared + count, shared + 2 * count};
  const uint32_t i = blockIdx.x;
  const CompareIn in = task.in[i];
  const int columns = width + LK_WINDOW_MARGIN, rows = height + LK_WINDOW_MARGIN;
  const double left = in.found_x - 0.5 * (width - 1), top = in.found_y - 0.5 * (height - 1);
  const KeptWindow window{task.d_windows + size_t(i) * size_t(columns * rows), columns,
                          left - floor(left), top - floor(top)};
  const TemplateSums sums = take_template(window, width, height, kept);
  Warp warp{in.warp[0], in.warp[1], in.warp[2], in.warp[3], in.warp[4], in.warp[5]};
  const double residual =
      best_fit(sums, width, height, in.x, in.y, task.image.width, task.image.height, warp,
               [&](const Warp& w) {
                 return take_frame(task.image, in, w, width, height, kept);
               });
  if (threadIdx.x > 0) return;
  CompareOut& out = task.out[i];
  const bool is_known = residual == residual;
  const double values[6] = {warp.a, warp.b, warp.c, warp.d, warp.x, warp.y};
  for (int k = 0; k < 6; ++k) out.warp[k] = is_known ? float(values[k]) : in.warp[k];
  out.residual = float(residual);
}

}  // namespace

void launch_take(const TakeTask& task, cudaStream_t stream) {
  take_kernel<<<task.n, kLanes, 0, stream>>>(task);
  check(cudaGetLastError(), "launch a kernel");
}

void launch_compare(const CompareWindowsTask& task, cudaStream_t stream) {
  const size_t shared = 3 * sizeof(double) * size_t(task.win_width) * size_t(task.win_height);
  compare_kernel<<<task.n, kLanes, shared, stream>>>(task);
  check(cudaGetLastError(), "launch a kernel");
}

}  // namespace lk::cuda
