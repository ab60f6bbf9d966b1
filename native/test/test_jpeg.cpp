// Which files decode: whatever came before them, damage that costs no pixel, and
// kinds that have no grey.
#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "check.h"
#include "error.h"
#include "jpeg.h"
#include "lkstream.h"
#include "pictures.h"

namespace {

using Bytes = std::vector<uint8_t>;
using Encoder = jpeg_compress_struct;

constexpr int kWidth = 61, kHeight = 37;

// The pixels, or why there are none.
struct Result {
  Bytes pixels;
  std::string refused;
  bool operator==(const Result&) const = default;
};

Result decode(lk::JpegDecoder& decoder, const Bytes& jpeg) {
  Result result;
  try {
    const auto size = decoder.open(jpeg.data(), jpeg.size(), 1 << 20);
    result.pixels.resize(size_t(size.width) * size.height);
    lk::Turn turn;
    decoder.decode(result.pixels.data(), size.width, turn);
  } catch (const lk::Error& error) {
    CHECK_EQUAL(error.status, int32_t(LK_BAD_FRAME));
    result = {{}, error.text};
  }
  return result;
}

Result decode(const Bytes& jpeg) {
  lk::JpegDecoder decoder;
  return decode(decoder, jpeg);
}

bool is_refused(const Bytes& jpeg, const char* text = "") {
  const Result result = decode(jpeg);
  return result.pixels.empty() && result.refused.find(text) != std::string::npos;
}

Bytes of(Jpeg kind, void (*tune)(Encoder&) = nullptr, int quality = 85) {
  return jpeg_of(waves(kWidth, kHeight), kind, quality, tune);
}

Bytes with(Bytes jpeg, size_t at, std::initializer_list<uint8_t> inserted) {
  jpeg.insert(jpeg.begin() + ptrdiff_t(at), inserted);
  return jpeg;
}

Bytes cut(const Bytes& jpeg, size_t at) { return {jpeg.begin(), jpeg.begin() + ptrdiff_t(at)}; }

// One component a scan, without progression.
void scan_each(Encoder& e) {
  static jpeg_scan_info scans[3];
  for (int i = 0; i < 3; ++i) scans[i] = {1, {i, 0, 0, 0}, 0, 63, 0, 0};
  e.scan_info = scans;
  e.num_scans = 3;
}

void every_file_stands_alone() {
  lk::JpegDecoder decoder;
  const Bytes jpeg = of(Jpeg::kColour);
  const Bytes others[] = {of(Jpeg::kColour, [](Encoder& e) { e.optimize_coding = TRUE; }, 30),
                          of(Jpeg::kProgressive), of(Jpeg::kGrey), cut(jpeg, 500),
                          of(Jpeg::kColour, [](Encoder& e) { e.arith_code = TRUE; }, 20)};
  for (const Bytes& other : others) {
    decode(decoder, other);
    CHECK(decode(decoder, without(jpeg, 0xc4)) == decode(jpeg));
    decode(decoder, other);
    CHECK(decode(decoder, without(jpeg, 0xdb)).refused.find("uantization") != std::string::npos);
    CHECK(decode(decoder, jpeg) == decode(jpeg));
  }
}

void the_end_marker_may_be_missing() {
  for (const Bytes& jpeg :
       {of(Jpeg::kGrey), of(Jpeg::kColour), of(Jpeg::kProgressive), of(Jpeg::kColour, scan_each),
        of(Jpeg::kColour, [](Encoder& e) { e.restart_interval = 3; })}) {
    const Result whole = decode(jpeg);
    CHECK(!whole.pixels.empty());
    const Bytes open = cut(jpeg, jpeg.size() - 2);
    CHECK(decode(open) == whole);
    CHECK(decode(cut(jpeg, jpeg.size() - 1)) == whole);
    CHECK(decode(with(open, open.size(), {0, 0, 0, 0, 0})) == whole);
    for (size_t n = 0; n < open.size(); n += 1 + n / 50) CHECK(is_refused(cut(jpeg, n)));
    CHECK(is_refused(cut(open, open.size() - 1)));
  }
  // Arithmetic coding does not tell.
  const Bytes jpeg = of(Jpeg::kColour, [](Encoder& e) { e.arith_code = TRUE; });
  CHECK(!decode(jpeg).pixels.empty());
  CHECK(is_refused(cut(jpeg, jpeg.size() - 2)));
  CHECK(is_refused(with(jpeg, jpeg.size() - 2, {0, 0, 0, 0, 0, 0, 0, 0})));
}

void scans_may_not_be_missing() {
  const Bytes progressive = of(Jpeg::kProgressive);
  size_t last = 0;  // the tables of the last scan
  for (size_t i = 0; i < progressive.size(); i = marker_at(progressive, 0xc4, i + 2)) last = i;
  const Bytes shorter = cut(progressive, last);
  CHECK(is_refused(shorter, "scans"));
  CHECK(!decode(with(shorter, shorter.size(), {0xff, 0xd9})).pixels.empty());

  const Bytes each = of(Jpeg::kColour, scan_each);
  const size_t luma = marker_at(each, 0xda), chroma = marker_at(each, 0xda, luma + 2);
  Bytes without_luma = each;
  without_luma.erase(without_luma.begin() + long(luma), without_luma.begin() + long(chroma));
  CHECK(is_refused(without_luma, "scans"));
}

void stray_bytes_cost_nothing() {
  const Bytes jpeg = of(Jpeg::kColour, [](Encoder& e) { e.restart_interval = 2; });
  const Result whole = decode(jpeg);
  for (const uint8_t marker : {0xdb, 0xc0, 0xc4, 0xdd, 0xda, 0xd0, 0xd1, 0xd9}) {
    const size_t at = marker_at(jpeg, marker);
    CHECK(at < jpeg.size());
    CHECK(decode(with(jpeg, at, {0})) == whole);
    CHECK(decode(with(jpeg, at, {1, 0xff, 0, 2, 0xff})) == whole);
  }
}

void refusals_name_the_kind() {
  const Bytes jpeg = of(Jpeg::kColour);
  const size_t sof = marker_at(jpeg, 0xc0);
  const auto of_kind = [&](uint8_t marker) {
    Bytes changed = jpeg;
    changed[sof + 1] = marker;
    return changed;
  };
  CHECK(is_refused(of_kind(0xc3), "it is lossless (SOF3)"));
  CHECK(is_refused(of_kind(0xcb), "it is lossless, with arithmetic coding (SOF11)"));
  CHECK(is_refused(of_kind(0xc5), "it is hierarchical (SOF5)"));
  CHECK(is_refused(of_kind(0xcd), "it is hierarchical, with arithmetic coding (SOF13)"));
  CHECK(is_refused(of(Jpeg::kCmyk), "it is CMYK"));
  CHECK(is_refused(of(Jpeg::kCmyk, [](Encoder& e) { jpeg_set_colorspace(&e, JCS_YCCK); }), "CMYK"));
  Bytes twelve = jpeg;
  twelve[sof + 4] = 12;
  CHECK(is_refused(twelve, "it has 12 bits a sample"));
}

}  // namespace

int main() {
  every_file_stands_alone();
  the_end_marker_may_be_missing();
  scans_may_not_be_missing();
  stray_bytes_cost_nothing();
  refusals_name_the_kind();
  return finish("test_jpeg");
}
