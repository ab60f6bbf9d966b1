// Luma as many threads decode it, on the CPU: libjpeg's, bit by bit, or none.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "check.h"
#include "luma_cases.h"
#include "luma_check.h"
#include "pictures.h"

namespace {

using namespace luma_cases;
constexpr uint32_t kMaxPixels = 1 << 26;

lk::cuda::LumaScan scan;  // as a sequence has it: from file to file

LumaWork check_equal(const Bytes& jpeg, const char* what, int a = 0, int b = 0) {
  LumaWork work;
  const Luma expected = luma_of_libjpeg(jpeg, kMaxPixels);
  const Luma luma = luma_of_cpu(scan, jpeg, kMaxPixels, &work);
  const bool equal = !luma.pixels.empty() && luma.pixels == expected.pixels;
  if (!equal)
    std::printf("%s %d %d: %s\n", what, a, b, luma.pixels.empty() ? "not decoded" : "other pixels");
  CHECK(equal);
  return work;
}

// That what comes of it is libjpeg's, if anything does. True where something does.
bool check_no_other(const Bytes& jpeg) {
  const Luma luma = luma_of_cpu(scan, jpeg, kMaxPixels);
  if (luma.pixels.empty()) return false;
  const bool equal = luma.pixels == luma_of_libjpeg(jpeg, kMaxPixels).pixels;
  CHECK(equal);
  return true;
}

// Many chunks, some of which nothing was known of where they are entered.
void large() {
  LumaWork all;
  for (const int quality : {40, 75, 95}) {
    const LumaWork work = check_equal(colour_jpeg(1280, 720, quality), "large", quality);
    all.chunks += work.chunks, all.mended += work.mended;
  }
  CHECK(all.chunks > 500);
  CHECK(all.mended > 0);
  check_equal(jpeg_of(squares(1280, 720, 1), Jpeg::kColour, 95), "stripes");
  check_equal(jpeg_of(Picture(1280, 720), Jpeg::kColour, 95), "black");
}

Bytes read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

void files() {
  int decoded = 0, all = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(LK_INPUTS)) {
    if (entry.path().extension() != ".jpg") continue;
    decoded += check_no_other(read_file(entry.path()));
    ++all;
  }
  std::printf("%d of %d files of the contract\n", decoded, all);
  CHECK(decoded >= 20);
}

// A run past the last coefficient, which libjpeg takes without a word; a block that is
// one value out of what all versions of libjpeg agree on; what is left over, or lacks.
void what_is_not_even() {
  const Bytes jpeg = colour_jpeg(160, 128, 90);
  CHECK(check_no_other(jpeg));
  Bytes more = jpeg;
  more.insert(more.end() - 2, 3, 0x55);
  CHECK(!check_no_other(more));
  Bytes less = jpeg;
  less.erase(less.end() - 6, less.end() - 2);
  CHECK(!check_no_other(less));
  CHECK(check_no_other(Bytes(jpeg.begin(), jpeg.end() - 2)));
  Bytes ac = jpeg;
  ac[marker_at(ac, 0xda) + 2 + 2 + 1 + 6 + 1] = 5;  // not from the first to the last one
  CHECK(!check_no_other(ac));
  int taken = 0;
  for (size_t at = marker_at(jpeg, 0xda) + 14; at + 2 < jpeg.size(); at += 29) {
    Bytes other = jpeg;
    other[at] ^= uint8_t(1 << at % 8);
    taken += check_no_other(other);
  }
  CHECK(taken > 0);
}

// Any bits at all: it ends, and writes nowhere else.
void noise_is_not_even() {
  Random random(5);
  for (int i = 0; i < 100; ++i) {
    Bytes jpeg = colour_jpeg(96, 64, 95, [=](Encoder& e) { e.restart_interval = unsigned(i % 3); });
    for (size_t at = marker_at(jpeg, 0xda) + 14; at + 2 < jpeg.size(); ++at)
      if (jpeg[at] != 0xff && jpeg[at - 1] != 0xff) jpeg[at] = uint8_t(random.below(255));
    check_no_other(jpeg);
  }
}

}  // namespace

int main() {
  luma_cases::all(check_equal);
  large();
  files();
  what_is_not_even();
  noise_is_not_even();
  return finish("test_luma");
}
