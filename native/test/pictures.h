// Pictures for the tests, and JPEGs of them.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <jpeglib.h>
#include <vector>

// A generator that gives the same numbers everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2654435761u + 88172645463325252u) {}

  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return uint32_t(state_ >> 16);
  }
  int below(int n) { return int(next() % uint32_t(n)); }
  float uniform(float low, float high) {
    return low + (high - low) * float(next() & 0xffffff) / float(0x1000000);
  }

 private:
  uint64_t state_;
};

struct Picture {
  int width, height;
  std::vector<uint8_t> pixels;

  Picture(int w, int h) : width(w), height(h), pixels(size_t(w) * h) {}
  uint8_t& at(int x, int y) { return pixels[size_t(y) * width + x]; }
  uint8_t at(int x, int y) const { return pixels[size_t(y) * width + x]; }
};

// A smooth texture, known at every place: shifting it is exact.
inline Picture waves(int width, int height, double shift_x = 0, double shift_y = 0) {
  Picture p(width, height);
  for (int j = 0; j < height; ++j)
    for (int i = 0; i < width; ++i) {
      const double x = i - shift_x, y = j - shift_y;
      const double v = 128 + 38 * std::sin(x * .11 + 2 * std::sin(y * .05)) +
                       34 * std::sin(y * .13 + 1.5 * std::sin(x * .07)) +
                       22 * std::sin(x * .41) * std::sin(y * .37) + 12 * std::sin(x * .9 + y * .7);
      p.at(i, j) = uint8_t(std::lrint(std::fmin(255, std::fmax(0, v))));
    }
  return p;
}

inline Picture noise(int width, int height, uint64_t seed) {
  Picture p(width, height);
  Random random(seed);
  for (auto& v : p.pixels) v = uint8_t(random.below(256));
  return p;
}

// Squares of constant grey: edges, exact corners, ties, flat parts.
inline Picture squares(int width, int height, int size) {
  Picture p(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) p.at(x, y) = (x / size + y / size) % 2 ? 200 : 40;
  return p;
}

enum class Jpeg { kGrey, kColour, kProgressive, kCmyk };

// tune may change what the encoder is set to, before it starts.
inline std::vector<uint8_t> jpeg_of(const Picture& picture, Jpeg kind, int quality = 85,
                                    const std::function<void(jpeg_compress_struct&)>& tune = {}) {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = JDIMENSION(picture.width);
  jpeg.image_height = JDIMENSION(picture.height);
  const int channels = kind == Jpeg::kGrey ? 1 : kind == Jpeg::kCmyk ? 4 : 3;
  jpeg.input_components = channels;
  jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 4 ? JCS_CMYK : JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  if (kind == Jpeg::kProgressive) jpeg_simple_progression(&jpeg);
  if (tune) tune(jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  std::vector<uint8_t> row(size_t(picture.width) * channels);
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x)
      for (int c = 0; c < channels; ++c) row[size_t(x) * channels + c] = picture.at(x, y);
    JSAMPROW rows[1] = {row.data()};
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::vector<uint8_t> result(bytes, bytes + size);
  std::free(bytes);
  return result;
}

// A marker's first place behind the start of the file; the file's size where it has none.
inline size_t marker_at(const std::vector<uint8_t>& jpeg, uint8_t marker, size_t from = 2) {
  for (size_t i = from; i + 1 < jpeg.size(); ++i)
    if (jpeg[i] == 0xff && jpeg[i + 1] == marker) return i;
  return jpeg.size();
}

// Without the segments of a marker that stand before the first scan.
inline std::vector<uint8_t> without(std::vector<uint8_t> jpeg, uint8_t marker) {
  for (size_t i; (i = marker_at(jpeg, marker)) < marker_at(jpeg, 0xda);)
    jpeg.erase(jpeg.begin() + long(i), jpeg.begin() + long(i) + 2 + (jpeg[i + 2] << 8 | jpeg[i + 3]));
  return jpeg;
}

// Progressive, every coefficient in a scan of its own: 64 walks over the picture.
inline std::vector<uint8_t> many_scans(const Picture& picture) {
  std::vector<jpeg_scan_info> scans;
  for (int k = 0; k < 64; ++k) scans.push_back({1, {0}, k, k, 0, 0});
  return jpeg_of(picture, Jpeg::kGrey, 85, [&](jpeg_compress_struct& jpeg) {
    jpeg.scan_info = scans.data(), jpeg.num_scans = int(scans.size());
  });
}
