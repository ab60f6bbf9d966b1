#include "windows.h"

#include <algorithm>
#include <cstring>

#include "../take_window.h"

namespace lk::cuda {

void Windows::take(const DeviceImage& image, const WindowsRequest& request, cudaStream_t stream,
                   const Wait& wait) {
  const lk_windows& w = request.lists;
  if (w.n == 0) return;
  const int width = int(w.win_width), height = int(w.win_height);
  TopLeft* corners = corners_.reserve(w.n);
  for (uint32_t i = 0; i < w.n; ++i) {
    TopLeft& c = corners[i];
    if (!window_corner(w.points[2 * i], w.points[2 * i + 1], width, height, image.width,
                       image.height, &c.x, &c.y))
      c = {-1, 0};
  }
  const size_t bytes = w.n * request.bytes();
  uint8_t* staging = staging_.reserve(bytes);
  uint8_t* d_windows = windows_.reserve(bytes);
  launch_take({image, width + LK_WINDOW_MARGIN, height + LK_WINDOW_MARGIN, w.n, corners, d_windows},
              stream);
  check(cudaMemcpyAsync(staging, d_windows, bytes, cudaMemcpyDeviceToHost, stream),
        "copy the windows");
  wait();
  std::memcpy(w.pixels, staging, bytes);
}

void Windows::compare(const DeviceImage& image, const WindowsRequest& request,
                      cudaStream_t stream, const Wait& wait) {
  const lk_windows& w = request.lists;
  if (w.n == 0) return;
  const size_t bytes = w.n * request.bytes();
  uint8_t* staging = staging_.reserve(bytes);
  uint8_t* d_windows = windows_.reserve(bytes);
  std::memcpy(staging, w.pixels, bytes);
  check(cudaMemcpyAsync(d_windows, staging, bytes, cudaMemcpyHostToDevice, stream),
        "copy the windows");
  CompareIn* in = in_.reserve(w.n);
  const CompareOut* out = out_.reserve(w.n);
  for (uint32_t i = 0; i < w.n; ++i) {
    in[i] = {w.points[2 * i], w.points[2 * i + 1], w.found[2 * i], w.found[2 * i + 1], {}};
    std::copy_n(w.warps + 6 * size_t(i), 6, in[i].warp);
  }
  launch_compare({image, int(w.win_width), int(w.win_height), w.n, d_windows, in, out_.data()},
                 stream);
  wait();
  for (uint32_t i = 0; i < w.n; ++i) {
    std::copy_n(out[i].warp, 6, w.warps + 6 * size_t(i));
    w.residuals[i] = out[i].residual;
  }
}

}  // namespace lk::cuda
