// Which levels of a pyramid are searched: the same on every engine.
#pragma once

namespace lk {

// The coarsest level to use: levels not larger than the window are of no use.
inline int usable_levels(int width, int height, int win_width, int win_height, int max_level) {
  int top = 0;
  while (top < max_level) {
    width = (width + 1) / 2;
    height = (height + 1) / 2;
    if (width <= win_width || height <= win_height) break;
    ++top;
  }
  return top;
}

}  // namespace lk
