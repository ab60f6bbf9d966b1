// Which JPEGs may go to the GPU: none with a header that libjpeg might read in another
// way. Needs no GPU.
#include <algorithm>
#include <vector>

#include "check.h"
#include "cuda/luma_scan.h"
#include "pictures.h"

namespace {

using Bytes = std::vector<uint8_t>;
using Words = std::vector<uint32_t>;

constexpr int kWidth = 48, kHeight = 32;

bool is_plain(const Bytes& jpeg) {
  lk::cuda::LumaScan scan;
  if (!scan.open(jpeg.data(), jpeg.size())) return false;
  CHECK_EQUAL(scan.frame.layout.width, uint32_t(kWidth));
  CHECK_EQUAL(scan.frame.layout.height, uint32_t(kHeight));
  Words words(scan.words());
  return scan.cut(words.data());
}

Bytes of(Jpeg kind, int width = kWidth, int height = kHeight) {
  return jpeg_of(waves(width, height), kind);
}

// The first place of a marker.
size_t find(const Bytes& jpeg, uint8_t marker) {
  for (size_t i = 2; i + 1 < jpeg.size(); ++i)
    if (jpeg[i] == 0xff && jpeg[i + 1] == marker) return i;
  CHECK(!"the marker is there");
  return 0;
}

Bytes with(Bytes jpeg, size_t at, std::initializer_list<uint8_t> inserted) {
  jpeg.insert(jpeg.begin() + ptrdiff_t(at), inserted);
  return jpeg;
}

Bytes with_byte(Bytes jpeg, size_t at, uint8_t value) {
  jpeg[at] = value;
  return jpeg;
}

void usual_files_are() {
  CHECK(is_plain(of(Jpeg::kGrey)));
  CHECK(is_plain(of(Jpeg::kColour)));
  CHECK(!is_plain(of(Jpeg::kProgressive)));
  CHECK(!is_plain(of(Jpeg::kCmyk)));
  const Bytes jpeg = of(Jpeg::kColour);
  CHECK(is_plain(with(jpeg, 2, {0xff, 0xfe, 0, 4, 'h', 'i'})));
  CHECK(is_plain(with(jpeg, 2, {0xff, 0xdd, 0, 4, 0, 0})));
  for (size_t bytes = 0; bytes <= find(jpeg, 0xda) + 14; ++bytes)
    CHECK(!is_plain({jpeg.begin(), jpeg.begin() + ptrdiff_t(bytes)}));
}

void one_frame() {
  const Bytes jpeg = of(Jpeg::kColour), large = of(Jpeg::kColour, 640, 480);
  const size_t sof = find(jpeg, 0xc0), other = find(large, 0xc0);
  Bytes two = jpeg;
  two.insert(two.begin() + ptrdiff_t(sof), large.begin() + ptrdiff_t(other),
             large.begin() + ptrdiff_t(other) + 19);
  CHECK(!is_plain(two));
  // What stands alone, and what fills: some readers take a length after it, others do not.
  for (const uint8_t marker : {0x01, 0xd0, 0xd7, 0xd8, 0xff, 0xf0, 0xdc, 0xc8, 0xcc})
    CHECK(!is_plain(with(jpeg, 2, {0xff, marker, 0, 2})));
  CHECK(!is_plain(with(jpeg, 2, {0xff, 0x01})));
  CHECK(!is_plain(with(jpeg, 2, {0})));
}

void luma_is_first_and_whole() {
  const Bytes jpeg = of(Jpeg::kColour);
  const size_t sof = find(jpeg, 0xc0);
  CHECK(!is_plain(with_byte(jpeg, sof + 4, 12)));     // bits
  CHECK(!is_plain(with_byte(jpeg, sof + 14, 0x41)));  // more chroma across than luma
  CHECK(!is_plain(with_byte(jpeg, sof + 17, 0x14)));  // and down
  Bytes rgb = jpeg;
  rgb[sof + 10] = 'R', rgb[sof + 13] = 'G', rgb[sof + 16] = 'B';
  CHECK(!is_plain(rgb));
  CHECK(!is_plain(with(jpeg, 2, {0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0})));
  CHECK(is_plain(with(jpeg, 2, {0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 1})));
}

void one_scan_to_the_end() {
  const Bytes jpeg = of(Jpeg::kColour);
  const size_t scan = find(jpeg, 0xda);
  CHECK(!is_plain(with_byte(jpeg, scan + 4, 1)));  // of luma alone
  CHECK(!is_plain(with_byte(jpeg, scan + 11, 1)));  // not from the first coefficient
  CHECK(!is_plain(with_byte(jpeg, scan + 12, 5)));  // not to the last one
  CHECK(!is_plain(with_byte(jpeg, scan + 13, 1)));  // not all bits
  CHECK(!is_plain(with(jpeg, 2, {0xff, 0xdd, 0, 4, 0, 3})));  // restarts that are not there
  CHECK(!is_plain(with(jpeg, jpeg.size() - 2, {0xff, 0xd0})));
  CHECK(is_plain(with(jpeg, jpeg.size(), {0})));
  CHECK(is_plain({jpeg.begin(), jpeg.end() - 2}));
  CHECK(is_plain(with(jpeg, jpeg.size() - 2, {0xff, 0})));
  Bytes headless = jpeg;
  const size_t sof = find(jpeg, 0xc0);
  headless.erase(headless.begin() + ptrdiff_t(sof), headless.begin() + ptrdiff_t(sof) + 19);
  CHECK(!is_plain(headless));
}

void every_table_is_its_own() {
  const Bytes jpeg = of(Jpeg::kColour);
  const size_t quantization = find(jpeg, 0xdb), huffman = find(jpeg, 0xc4), scan = find(jpeg, 0xda);
  CHECK(!is_plain(without(jpeg, 0xdb)));
  CHECK(!is_plain(without(jpeg, 0xc4)));
  CHECK(!is_plain(with_byte(jpeg, quantization + 4, 2)));  // another place than is asked for
  CHECK(!is_plain(with_byte(jpeg, quantization + 3, 66)));  // a table cut short
  CHECK(!is_plain(with_byte(jpeg, huffman + 4, 0x03)));
  CHECK(!is_plain(with_byte(jpeg, huffman + 4, 0x10)));
  CHECK(!is_plain(with_byte(jpeg, huffman + 3, 10)));
  CHECK(!is_plain(with_byte(jpeg, scan + 5, 9)));     // a component that is not there
  CHECK(!is_plain(with_byte(jpeg, scan + 6, 0x20)));  // tables that are not
  CHECK(!is_plain(with_byte(jpeg, scan + 6, 0x03)));
}

}  // namespace

int main() {
  usual_files_are();
  one_frame();
  luma_is_first_and_whole();
  one_scan_to_the_end();
  every_table_is_its_own();
  return finish("test_plain_jpeg");
}
