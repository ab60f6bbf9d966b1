// Pictures beyond their borders.
#pragma once

#include "../pictures.h"

namespace reference {

// Pictures go on beyond their borders, mirrored, without repeating the last pixel.
inline int mirrored(int i, int n) {
  if (n == 1) return 0;
  while (i < 0 || i >= n) i = i < 0 ? -i : 2 * (n - 1) - i;
  return i;
}

inline int pixel(const Picture& p, int x, int y) {
  return p.at(mirrored(x, p.width), mirrored(y, p.height));
}

}  // namespace reference
