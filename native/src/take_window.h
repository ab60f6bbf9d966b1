// A window of a frame as it is kept: see lk_windows.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "image.h"
#include "lkstream.h"

namespace lk {

// The top left one of its pixels; false where one of them lies outside of the frame.
inline bool window_corner(float x, float y, int win_width, int win_height, int width, int height,
                          int* left, int* top) {
  const double px = std::floor(x - 0.5 * (win_width - 1)) - 1;
  const double py = std::floor(y - 0.5 * (win_height - 1)) - 1;
  if (!(px >= 0 && px <= width - win_width - LK_WINDOW_MARGIN && py >= 0 &&
        py <= height - win_height - LK_WINDOW_MARGIN))
    return false;
  *left = int(px), *top = int(py);
  return true;
}

inline void take_window(const Image& image, float x, float y, int win_width, int win_height,
                        uint8_t* pixels) {
  const int columns = win_width + LK_WINDOW_MARGIN, rows = win_height + LK_WINDOW_MARGIN;
  int left, top;
  if (!window_corner(x, y, win_width, win_height, image.width, image.height, &left, &top)) {
    std::memset(pixels, 0, size_t(columns) * size_t(rows));
    return;
  }
  for (int j = 0; j < rows; ++j)
    std::memcpy(pixels + j * columns, image.row(top + j) + left, size_t(columns));
}

}  // namespace lk
