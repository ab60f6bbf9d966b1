// An image and its halvings, each with a margin that windows may reach into: it
// holds the image mirrored at its border.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "../image.h"
#include "../turn.h"
#include "kernels.h"

namespace lk {

class Pyramid {
 public:
  static constexpr int kMaxLevels = 9;

  // Makes room for level 0; what it held is gone. Allocates if the size is new.
  void resize(int width, int height);
  void copy_from(const Image&, Turn&);
  uint8_t* pixels() { return const_cast<uint8_t*>(levels_[0].data); }

  // Both may end before they are done, with what Turn::look() throws; build() goes on
  // from there when it is called again.

  // Builds the levels up to top that are not there yet, with so much of their
  // margins as windows of this size need.
  void build(int top, int win_width, int win_height, const Kernels&, Turn&);

  int width() const { return levels_[0].width; }
  int height() const { return levels_[0].height; }
  const Image* levels() const { return levels_; }

 private:
  struct Free {
    void operator()(uint8_t* p) const { ::operator delete[](p, std::align_val_t(64)); }
  };
  std::unique_ptr<uint8_t[], Free> memory_;
  std::vector<uint16_t> scratch_;
  Image levels_[kMaxLevels];
  int built_ = 0;  // the top level that is there
  int mirrored_ = -1;  // the top level with a margin of this width:
  int margin_x_ = 0, margin_y_ = 0;
};

}  // namespace lk
