// JPEGs that many threads can decode, of all kinds.
#pragma once

#include <functional>

#include "pictures.h"

namespace luma_cases {

using Bytes = std::vector<uint8_t>;
using Encoder = jpeg_compress_struct;

// jpeg_of() gives colours that are grey: here they are not.
inline Bytes colour_jpeg(int width, int height, int quality,
                         const std::function<void(Encoder&)>& tune = {}) {
  const Picture a = waves(width, height), b = noise(width, height, 3), c = squares(width, height, 9);
  Encoder jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = JDIMENSION(width), jpeg.image_height = JDIMENSION(height);
  jpeg.input_components = 3, jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  if (tune) tune(jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  std::vector<uint8_t> row(size_t(width) * 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      row[size_t(x) * 3] = a.at(x, y);
      row[size_t(x) * 3 + 1] = uint8_t((3 * a.at(x, y) + b.at(x, y)) / 4);
      row[size_t(x) * 3 + 2] = c.at(x, y);
    }
    JSAMPROW rows[1] = {row.data()};
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  Bytes result(bytes, bytes + size);
  std::free(bytes);
  return result;
}

inline std::function<void(Encoder&)> sampled(int across, int down) {
  return [=](Encoder& e) {
    e.comp_info[0].h_samp_factor = across, e.comp_info[0].v_samp_factor = down;
  };
}

template <class Check>
void qualities(const Check& check_equal) {
  for (int quality = 1; quality <= 100; ++quality) {
    check_equal(colour_jpeg(120, 80, quality), "quality", quality, 0);
    check_equal(jpeg_of(waves(120, 80), Jpeg::kGrey, quality), "grey, quality", quality, 0);
  }
  check_equal(colour_jpeg(64, 64, 1, [](Encoder& e) { jpeg_set_quality(&e, 1, FALSE); }), "wide tables", 0, 0);
}

template <class Check>
void samplings(const Check& check_equal) {
  for (int across = 1; across <= 4; ++across)
    for (int down = 1; down <= 4; ++down) {
      if (across * down + 2 > 10) continue;
      check_equal(colour_jpeg(333, 117, 90, sampled(across, down)), "sampling", across, down);
      check_equal(colour_jpeg(40, 40, 90, [=](Encoder& e) {
                    sampled(across, down)(e);
                    e.optimize_coding = TRUE;
                    e.restart_interval = 1;
                  }), "sampling, restarts", across, down);
    }
  check_equal(colour_jpeg(100, 75, 90, [](Encoder& e) {
                sampled(2, 2)(e);
                e.comp_info[1].h_samp_factor = 2, e.comp_info[2].v_samp_factor = 2;
              }), "chroma of two sizes", 0, 0);
  check_equal(jpeg_of(waves(70, 50), Jpeg::kGrey, 90, sampled(2, 2)), "grey of 2 by 2", 0, 0);
}

template <class Check>
void sizes(const Check& check_equal) {
  for (int width = 1; width <= 34; ++width)
    for (const int height : {1, 8, 9, 16, 17}) {
      check_equal(colour_jpeg(width, height, 80), "size", width, height);
      check_equal(jpeg_of(waves(width, height), Jpeg::kGrey), "grey, size", width, height);
    }
  check_equal(colour_jpeg(4001, 8, 80), "wide", 4001, 8);
  check_equal(colour_jpeg(8, 4001, 80), "tall", 8, 4001);
}

template <class Check>
void restarts(const Check& check_equal) {
  for (int interval = 1; interval <= 130; ++interval)
    check_equal(colour_jpeg(160, 128, 90, [=](Encoder& e) { e.restart_interval = unsigned(interval); }),
                "restarts", interval, 0);
}

// check_equal(jpeg, what, a, b) for all of them.
template <class Check>
void all(const Check& check_equal) {
  qualities(check_equal);
  samplings(check_equal);
  sizes(check_equal);
  restarts(check_equal);
}

}  // namespace luma_cases
