#include "pyramid.h"

#include <cstring>
#include <algorithm>
#include <new>

#include "../mirrored.h"

namespace lk {

namespace {

// Rows between two looks: some ten microseconds.
constexpr int kRows = 32;

void mirror_margin(const Image& image, int margin_x, int margin_y, Turn& turn) {
  uint8_t* pixels = const_cast<uint8_t*>(image.data);
  const int width = image.width, height = image.height;
  for (int y = 0; y < height; ++y) {
    if (y % kRows == 0) turn.look();
    uint8_t* row = pixels + y * image.stride;
    for (int i = 1; i <= margin_x; ++i) row[-i] = row[mirrored(-i, width)];
    for (int i = 0; i < margin_x; ++i) row[width + i] = row[mirrored(width + i, width)];
  }
  const auto copy_row = [&](int from, int to) {
    std::memcpy(pixels + to * image.stride - margin_x, pixels + from * image.stride - margin_x,
                size_t(width) + 2 * size_t(margin_x));
  };
  for (int i = 1; i <= margin_y; ++i) {
    copy_row(mirrored(-i, height), -i);
    copy_row(mirrored(height - 1 + i, height), height - 1 + i);
  }
}

}  // namespace

void Pyramid::resize(int width, int height) {
  built_ = 0;
  mirrored_ = -1;
  if (memory_ && width == levels_[0].width && height == levels_[0].height) return;
  size_t bytes = 0;
  size_t offsets[kMaxLevels];
  Image levels[kMaxLevels];
  for (int i = 0, w = width, h = height; i < kMaxLevels; ++i) {
    // An odd number of cache lines, so that the rows of a window do not all
    // fall into the same few sets of the cache.
    const ptrdiff_t stride = ((w + 2 * kMargin + 63) & ~63) | 64;
    levels[i] = {nullptr, w, h, stride};
    offsets[i] = bytes + kMargin * size_t(stride) + kMargin;
    bytes += (size_t(h) + 2 * kMargin) * size_t(stride) + kSlack;
    w = (w + 1) / 2;
    h = (h + 1) / 2;
  }
  memory_.reset();
  levels_[0] = {};
  scratch_.resize(5 * size_t((width + 1) / 2 + kSlack));
  memory_.reset(new (std::align_val_t(64)) uint8_t[bytes]());
  for (int i = 0; i < kMaxLevels; ++i) {
    levels_[i] = levels[i];
    levels_[i].data = memory_.get() + offsets[i];
  }
}

void Pyramid::copy_from(const Image& image, Turn& turn) {
  resize(image.width, image.height);
  for (int y = 0; y < image.height; ++y) {
    if (y % kRows == 0) turn.look();
    std::memcpy(pixels() + y * levels_[0].stride, image.row(y), image.width);
  }
}

void Pyramid::build(int top, int win_width, int win_height, const Kernels& kernels, Turn& turn) {
  for (; built_ < top; ++built_) {
    const Image &from = levels_[built_], &to = levels_[built_ + 1];
    for (int y = 0; y < to.height; y += kRows) {
      turn.look();
      kernels.pyr_down(from, to, y, std::min(y + kRows, to.height), scratch_.data());
    }
  }
  // A window starts up to its size outside, and its gradients need one pixel more.
  if (win_width + 1 > margin_x_ || win_height + 1 > margin_y_) {
    margin_x_ = win_width + 1;
    margin_y_ = win_height + 1;
    mirrored_ = -1;
  }
  for (; mirrored_ < top; ++mirrored_)
    mirror_margin(levels_[mirrored_ + 1], margin_x_, margin_y_, turn);
}

}  // namespace lk
