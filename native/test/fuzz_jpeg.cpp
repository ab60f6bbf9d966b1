// Any bytes as a JPEG: refused or decoded, within the limits, nothing else.
#include <cstdlib>

#include "fuzz.h"
#include "lkstream.h"
#include "pictures.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint32_t kMaxPixels = 1 << 16;
  uint32_t width = 0, height = 0;
  char text[256];
  const uint8_t nothing = 0;
  if (size == 0) data = &nothing;
  const int32_t info = lk_jpeg_info(data, uint32_t(size), &width, &height, text, sizeof text);
  if (info != LK_OK && info != LK_BAD_FRAME) std::abort();
  std::vector<uint8_t> pixels(info == LK_OK && uint64_t(width) * height <= kMaxPixels
                                  ? size_t(width) * height
                                  : 1);
  const int32_t status =
      lk_decode_grey(data, uint32_t(size), kMaxPixels, pixels.data(), width,
                     uint32_t(pixels.size()), &width, &height, text, sizeof text);
  if (info == LK_BAD_FRAME && status != LK_BAD_FRAME) std::abort();
  if (status != LK_OK && status != LK_BAD_FRAME && status != LK_FRAME_TOO_LARGE) std::abort();
  return 0;
}

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<std::vector<uint8_t>> seeds;
  const Picture picture = waves(48, 40);
  for (const Jpeg kind : {Jpeg::kGrey, Jpeg::kColour, Jpeg::kProgressive, Jpeg::kCmyk})
    seeds.push_back(jpeg_of(picture, kind));
  using Encoder = jpeg_compress_struct;
  const auto tuned = [&](Jpeg kind, void (*tune)(Encoder&)) {
    seeds.push_back(jpeg_of(picture, kind, 85, tune));
  };
  tuned(Jpeg::kColour, [](Encoder& e) { e.restart_interval = 2; });
  tuned(Jpeg::kProgressive, [](Encoder& e) { e.restart_interval = 2; });
  tuned(Jpeg::kColour, [](Encoder& e) { e.arith_code = TRUE; });
  tuned(Jpeg::kColour, [](Encoder& e) { e.comp_info[1].h_samp_factor = 4; });
  tuned(Jpeg::kColour, [](Encoder& e) { jpeg_set_colorspace(&e, JCS_RGB); });
  seeds.push_back(without(seeds[1], 0xc4));
  for (const size_t i : {0, 2}) seeds.emplace_back(seeds[i].begin(), seeds[i].end() - 2);
  return seeds;
}
