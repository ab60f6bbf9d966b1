// Any bytes as a JPEG for many threads (luma_on_cpu.h): what comes of it is libjpeg's.
#include <cstdlib>

#include "fuzz.h"
#include "luma_check.h"
#include "pictures.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint32_t kMaxPixels = 1 << 16;
  static lk::cuda::LumaScan scan;
  const std::vector<uint8_t> jpeg(data, data + size);
  const Luma luma = luma_of_cpu(scan, jpeg, kMaxPixels);
  if (!luma.pixels.empty() && luma.pixels != luma_of_libjpeg(jpeg, kMaxPixels).pixels) std::abort();
  return 0;
}

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<std::vector<uint8_t>> seeds;
  using Encoder = jpeg_compress_struct;
  const auto tuned = [&](const Picture& picture, Jpeg kind, int quality, void (*tune)(Encoder&)) {
    seeds.push_back(jpeg_of(picture, kind, quality, tune));
  };
  tuned(waves(48, 40), Jpeg::kGrey, 85, [](Encoder&) {});
  tuned(waves(48, 40), Jpeg::kColour, 85, [](Encoder&) {});
  tuned(waves(160, 120), Jpeg::kColour, 92, [](Encoder&) {});
  tuned(noise(64, 64, 1), Jpeg::kColour, 95, [](Encoder&) {});
  tuned(noise(80, 48, 1), Jpeg::kGrey, 100, [](Encoder& e) { e.optimize_coding = TRUE; });
  tuned(waves(96, 80), Jpeg::kColour, 85, [](Encoder& e) { e.restart_interval = 2; });
  tuned(squares(96, 80, 5), Jpeg::kColour, 60, [](Encoder& e) {
    e.comp_info[0].h_samp_factor = 1, e.comp_info[0].v_samp_factor = 1;
  });
  return seeds;
}
