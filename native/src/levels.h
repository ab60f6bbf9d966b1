// Which levels of a pyramid are searched: the same on every engine.
#pragma once

#include "lkstream.h"

namespace lk {

// The coarsest level to use: levels not larger than the window are of no use.
inline int usable_levels(int width, int height, const lk_flow_options& options) {
  int top = 0;
  while (top < int(options.max_level)) {
    width = (width + 1) / 2;
    height = (height + 1) / 2;
    if (width <= int(options.win_width) || height <= int(options.win_height)) break;
    ++top;
  }
  return top;
}

}  // namespace lk
