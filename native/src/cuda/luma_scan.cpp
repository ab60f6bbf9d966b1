#include "luma_scan.h"

#include <algorithm>
#include <cstring>

namespace lk::cuda {
namespace {

// 24 KB: of two sets of tables such as encoders use it is half.
constexpr size_t kMostEntries = 6144;
// libjpeg's limit; and positions are counted in 32 bits.
constexpr uint32_t kMostPixelsASide = 65500;
constexpr size_t kMostBytes = 1u << 28;
// Sums of dequantized coefficients must fit 32 bits (idct).
constexpr unsigned kMostQuantization = 8191;

constexpr size_t kCutWords = sizeof(LumaCut) / 4;

constexpr int kDc = 0;

// What a symbol means (ITU-T T.81, F.2.2); its code has so many bits.
uint32_t entry_of(int kind, unsigned length, unsigned symbol) {
  using namespace code;
  const unsigned size = symbol & 15, run = symbol >> 4;
  uint32_t entry = (length + size) | size << kSizeShift;
  if (kind == kDc) return entry | 1u << kAdvanceShift;
  if (size == 0 && run != 15) return entry | 64u << kAdvanceShift | kEndsBlock;
  return entry | (run + 1) << kAdvanceShift;
}

constexpr uint32_t kNoCode = 1 | 64u << code::kAdvanceShift | code::kInvalid;

// Appends the table of 16 counts and symbols. False where libjpeg would refuse it.
bool append_table(int kind, const uint8_t* counts, std::vector<uint32_t>& entries) {
  using namespace code;
  const uint8_t* symbol = counts + 16;
  const size_t base = entries.size();
  entries.resize(base + (1u << kFirstBits), kNoCode);
  uint32_t next = 0;  // code
  for (unsigned length = 1; length <= 16; ++length, next <<= 1) {
    for (unsigned i = counts[length - 1]; i > 0; --i, ++symbol, ++next) {
      // No code is all ones.
      if (next + 1 >= 1u << length || (kind == kDc && *symbol > 15)) return false;
      const uint32_t entry = entry_of(kind, length, *symbol);
      if (length <= kFirstBits) {
        const unsigned spare = kFirstBits - length;
        std::fill_n(entries.begin() + ptrdiff_t(base + (next << spare)), 1u << spare, entry);
        continue;
      }
      const size_t first = base + (next >> (length - kFirstBits));
      if (!(entries[first] & kLong)) {
        entries[first] = kLong | uint32_t(entries.size() - base);
        entries.resize(entries.size() + (1u << kSecondBits), kNoCode);
        if (entries.size() > kMostEntries) return false;
      }
      const unsigned spare = 16 - length;
      const size_t second = base + (entries[first] & 0xffff) +
                            ((next << spare) & ((1u << kSecondBits) - 1));
      std::fill_n(entries.begin() + ptrdiff_t(second), 1u << spare, entry);
    }
  }
  return entries.size() <= kMostEntries;
}

size_t size_of_table(const uint8_t* counts) {
  size_t size = 16;
  for (int i = 0; i < 16; ++i) size += counts[i];
  return size;
}

unsigned across(const JpegSegment& frame, int i) { return frame.data[7 + 3 * i] >> 4; }
unsigned down(const JpegSegment& frame, int i) { return frame.data[7 + 3 * i] & 15; }

uint32_t ceil_div(uint32_t a, uint32_t b) { return (a + b - 1) / b; }

}  // namespace

const uint8_t kPlaceOfZigzag[64] = {
    0,  8,  1,  2,  9,  16, 24, 17, 10, 3,  4,  11, 18, 25, 32, 40, 33, 26, 19, 12, 5,  6,
    13, 20, 27, 34, 41, 48, 56, 49, 42, 35, 28, 21, 14, 7,  15, 22, 29, 36, 43, 50, 57, 58,
    51, 44, 37, 30, 23, 31, 38, 45, 52, 59, 60, 53, 46, 39, 47, 54, 61, 62, 55, 63};

bool CodeTables::read(const PlainJpeg& plain, Blocks& blocks) {
  const int components = plain.frame.data[5];
  std::vector<uint8_t> source{uint8_t(components)};
  for (int i = 0; i < components; ++i) {
    const uint8_t places = plain.scan.data[2 + 2 * i];
    source.push_back(plain.frame.data[7 + 3 * i]);
    source.push_back(places);
    for (const uint8_t* table : {plain.tables.dc[places >> 4], plain.tables.ac[places & 15]})
      source.insert(source.end(), table, table + size_of_table(table));
  }
  if (source == source_) {
    blocks = blocks_;
    return valid_;
  }
  source_ = std::move(source);
  ++version_;
  valid_ = false;
  entries_.clear();
  blocks_ = {};
  int at[2][4] = {{-1, -1, -1, -1}, {-1, -1, -1, -1}};
  for (int i = 0; i < components; ++i) {
    uint32_t bases[2];
    for (const int kind : {0, 1}) {
      const int place = kind == kDc ? plain.scan.data[2 + 2 * i] >> 4 : plain.scan.data[2 + 2 * i] & 15;
      if (at[kind][place] < 0) {
        at[kind][place] = int(entries_.size());
        const auto& tables = kind == kDc ? plain.tables.dc : plain.tables.ac;
        if (!append_table(kind, tables[place], entries_)) return false;
      }
      bases[kind] = uint32_t(at[kind][place]);
    }
    const unsigned count = components == 1 ? 1 : across(plain.frame, i) * down(plain.frame, i);
    for (unsigned n = 0; n < count; ++n)
      blocks_.tables[blocks_.count++] = bases[0] | bases[1] << 16;
    if (i == 0) blocks_.luma = count;
  }
  blocks = blocks_;
  return valid_ = true;
}

// The sizes, and the sampling of the components.
bool LumaScan::read_frame(const PlainJpeg& plain) {
  const JpegSegment& header = plain.frame;
  const int components = header.data[5];
  const uint32_t width = plain.width(), height = plain.height();
  if (width == 0 || height == 0 || width > kMostPixelsASide || height > kMostPixelsASide)
    return false;
  unsigned blocks_of_mcu = 0;
  for (int i = 0; i < components; ++i) {
    const unsigned h = across(header, i), v = down(header, i);
    if (h < 1 || h > 4 || v < 1 || v > 4) return false;
    for (int j = 0; j < i; ++j)
      if (header.data[6 + 3 * i] == header.data[6 + 3 * j]) return false;
    blocks_of_mcu += h * v;
  }
  if (components > 1 && blocks_of_mcu > kMostBlocks) return false;
  // One component by itself is a row of blocks, whatever its sampling.
  const uint32_t h = components == 1 ? 1 : across(header, 0), v = components == 1 ? 1 : down(header, 0);
  const uint32_t mcus_across = ceil_div(width, 8 * h);
  frame.layout = {width, height, h, v, mcus_across, mcus_across * ceil_div(height, 8 * v)};
  return true;
}

bool LumaScan::open(const uint8_t* jpeg, size_t bytes) {
  PlainJpeg plain;
  if (bytes > kMostBytes || !read_plain_header(jpeg, bytes, plain) || !read_frame(plain))
    return false;
  // All coefficients, every bit of them.
  const uint8_t* const rest = plain.coded - 3;
  if (rest[0] != 0 || rest[1] != 63 || rest[2] != 0) return false;
  const uint8_t* const table = plain.tables.quantization[plain.frame.data[8]];
  for (int i = 0; i < 64; ++i) {
    const unsigned value = *table >> 4 ? unsigned(table[1 + 2 * i]) << 8 | table[2 + 2 * i] : table[1 + i];
    if (value < 1 || value > kMostQuantization) return false;
    frame.quantization[kPlaceOfZigzag[i]] = uint16_t(value);
  }
  if (!tables.read(plain, frame.blocks)) return false;
  const uint32_t interval = plain.restart_interval ? plain.restart_interval : frame.layout.mcus;
  frame.mcus_of_segment = std::min(interval, frame.layout.mcus);
  segments_wanted_ = ceil_div(frame.layout.mcus, interval);
  coded_ = plain.coded;
  end_ = jpeg + bytes;
  // Each has a byte at least, and a marker.
  if (segments_wanted_ > size_t(end_ - coded_) / 3 + 1) return false;
  words_ = kCutWords + size_t(end_ - coded_) / 4 + (kSubstreamWords + 2) * (segments_wanted_ + 2);
  return true;
}

uint32_t LumaScan::cut(uint32_t* words) {
  segments_.clear();
  uint8_t* const out = reinterpret_cast<uint8_t*>(words + kCutWords);
  size_t begin = 0, at = 0;  // of the segment, and where it goes on
  const auto end_segment = [&] {
    if (at == begin) return false;
    segments_.push_back({uint32_t(begin * 8 / kSubstreamBits), uint32_t(at - begin) * 8});
    constexpr size_t kBytes = kSubstreamBits / 8;
    begin = (at + kBytes - 1) / kBytes * kBytes;
    std::memset(out + at, 0, begin - at);
    at = begin;
    return true;
  };
  for (const uint8_t* p = coded_;;) {
    const auto* mark = static_cast<const uint8_t*>(std::memchr(p, 0xff, size_t(end_ - p)));
    const size_t bytes = size_t((mark ? mark : end_) - p);
    std::memcpy(out + at, p, bytes);
    at += bytes;
    // A file may end without its end marker.
    if (mark && end_ - mark < 2) return 0;
    if (!mark || mark[1] == 0xd9) {
      if (!end_segment() || segments_.size() != segments_wanted_) return 0;
      break;
    }
    p = mark + 2;
    if (mark[1] == 0) {
      out[at++] = 0xff;
    } else if (mark[1] != (0xd0 | (segments_.size() & 7)) || !end_segment() ||
               segments_.size() >= segments_wanted_) {
      return 0;
    }
  }
  const LumaCut cut{uint32_t(begin * 8 / kSubstreamBits), uint32_t(segments_.size())};
  std::memcpy(words, &cut, sizeof cut);
  segments_.push_back({cut.substreams, 0});
  std::memcpy(out + begin, segments_.data(), segments_.size() * sizeof(Segment));
  used_words_ = kCutWords + begin / 4 + segments_.size() * sizeof(Segment) / 4;
  return cut.substreams;
}

}  // namespace lk::cuda
