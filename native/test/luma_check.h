// Luma beside libjpeg's, which has the last word.
#pragma once

#include <cstdio>
#include <vector>

#include "error.h"
#include "jpeg.h"
#include "luma_on_cpu.h"
#include "turn.h"

struct Luma {
  uint32_t width = 0, height = 0;
  std::vector<uint8_t> pixels;  // none: refused
};

inline Luma luma_of_libjpeg(const std::vector<uint8_t>& jpeg, uint32_t max_pixels) {
  Luma luma;
  lk::JpegDecoder decoder;
  lk::Turn turn;
  try {
    const auto size = decoder.open(jpeg.data(), jpeg.size(), max_pixels);
    luma.width = size.width, luma.height = size.height;
    luma.pixels.resize(size_t(size.width) * size.height);
    decoder.decode(luma.pixels.data(), size.width, turn);
  } catch (const lk::Error&) {
    return {};
  }
  return luma;
}

// Nothing where libjpeg has to decode the file.
inline Luma luma_of_cpu(lk::cuda::LumaScan& scan, const std::vector<uint8_t>& jpeg,
                        uint32_t max_pixels, LumaWork* work = nullptr) {
  if (!scan.open(jpeg.data(), jpeg.size())) return {};
  Luma luma{scan.frame.layout.width, scan.frame.layout.height, {}};
  if (uint64_t(luma.width) * luma.height > max_pixels) return {};
  std::vector<uint32_t> words(scan.words());
  if (!scan.cut(words.data())) return {};
  luma.pixels.resize(size_t(luma.width) * luma.height);
  LumaOnCpu decoder(scan.frame, scan.tables.entries().data(), words.data());
  if (!decoder.decode(luma.pixels.data(), luma.width, work)) return {};
  return luma;
}
