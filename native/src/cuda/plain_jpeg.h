// Which JPEGs are decoded on the GPU, and what their headers say. Nothing may be in
// such a header that libjpeg could understand differently, for pixels have to be its
// own. Needs no CUDA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace lk::cuda {

// A segment's marker and what follows its length (ITU-T T.81, B.1.1.4).
struct JpegSegment {
  int marker;
  const uint8_t* data;
  size_t bytes;
};

namespace plain_jpeg {

constexpr int kSof0 = 0xc0, kSof1 = 0xc1, kDht = 0xc4, kSos = 0xda, kDqt = 0xdb, kDri = 0xdd,
              kApp0 = 0xe0, kApp14 = 0xee, kApp15 = 0xef, kCom = 0xfe;

// The segment at p. False at all else, such as fill bytes and markers that stand alone.
inline bool read_segment(const uint8_t* p, const uint8_t* end, JpegSegment& s) {
  if (end - p < 4 || p[0] != 0xff) return false;
  const int m = s.marker = p[1];
  if (m != kSof0 && m != kSof1 && m != kDht && m != kSos && m != kDqt && m != kDri && m != kCom &&
      !(m >= kApp0 && m <= kApp15))
    return false;
  const size_t length = size_t(p[2]) << 8 | p[3];
  if (length < 2 || size_t(end - p) < length + 2) return false;
  s.data = p + 4;
  s.bytes = length - 2;
  return true;
}

// A frame header of 8 bits, grey or with luma, not smaller than chroma, first (B.2.2).
inline bool is_plain_frame(const JpegSegment& s) {
  const uint8_t* const d = s.data;
  if (s.bytes < 6) return false;
  const int components = d[5];
  if (d[0] != 8 || (components != 1 && components != 3)) return false;
  if (s.bytes != size_t(6 + 3 * components)) return false;
  if (components == 1) return true;
  if (d[6] == 'R' && d[9] == 'G' && d[12] == 'B') return false;
  const int across = d[7] >> 4, down = d[7] & 15;
  for (const int i : {10, 13})
    if (across < d[i] >> 4 || down < (d[i] & 15)) return false;
  return true;
}

// That of RGB, by Adobe's segment.
inline bool is_adobe_rgb(const JpegSegment& s) {
  return s.marker == kApp14 && s.bytes >= 12 && !std::memcmp(s.data, "Adobe", 5) && s.data[11] == 0;
}

// The tables that a file has brought, for each of the four places; null: none yet.
struct Tables {
  const uint8_t* quantization[4] = {};  // the byte of precision and place, and what follows
  const uint8_t* dc[4] = {};            // 16 counts, and the symbols
  const uint8_t* ac[4] = {};
};

inline bool has(const uint8_t* const (&tables)[4], int place) { return place < 4 && tables[place]; }

// Notes the tables of a DQT segment (B.2.4.1). False where it does not hold whole ones.
inline bool read_quantization(const JpegSegment& s, Tables& tables) {
  for (size_t i = 0; i < s.bytes;) {
    const int place = s.data[i] & 15, wide = s.data[i] >> 4;
    if (place > 3 || wide > 1) return false;
    tables.quantization[place] = s.data + i;
    i += size_t(1 + 64 * (1 + wide));
    if (i > s.bytes) return false;
  }
  return true;
}

// Those of a DHT segment (B.2.4.2).
inline bool read_huffman(const JpegSegment& s, Tables& tables) {
  for (size_t i = 0; i < s.bytes;) {
    const int place = s.data[i] & 15, kind = s.data[i] >> 4;
    if (place > 3 || kind > 1 || s.bytes - i < 17) return false;
    size_t symbols = 0;
    for (int length = 1; length <= 16; ++length) symbols += s.data[i + size_t(length)];
    (kind ? tables.ac : tables.dc)[place] = s.data + i + 1;
    i += 17 + symbols;
    if (i > s.bytes) return false;
  }
  return true;
}

// A scan of all components of the frame, in its order, of which every table has come (B.2.3).
inline bool is_plain_scan(const JpegSegment& scan, const JpegSegment& frame, const Tables& tables) {
  const int components = frame.data[5];
  if (scan.bytes != size_t(4 + 2 * components) || scan.data[0] != components) return false;
  for (int i = 0; i < components; ++i) {
    const uint8_t *const f = frame.data + 6 + 3 * i, *const c = scan.data + 1 + 2 * i;
    if (c[0] != f[0] || !has(tables.quantization, f[2]) || !has(tables.dc, c[1] >> 4) ||
        !has(tables.ac, c[1] & 15))
      return false;
  }
  return true;
}

}  // namespace plain_jpeg

// What comes before the coded data of a file whose one scan has all of its components.
struct PlainJpeg {
  JpegSegment frame{0, nullptr, 0}, scan{0, nullptr, 0};
  plain_jpeg::Tables tables;
  unsigned restart_interval = 0;  // in MCUs; 0: none
  const uint8_t* coded = nullptr;

  uint32_t height() const { return uint32_t(frame.data[1]) << 8 | frame.data[2]; }
  uint32_t width() const { return uint32_t(frame.data[3]) << 8 | frame.data[4]; }
};

// False unless it is a baseline file, grey or of luma and chroma, with all its tables. All else is left to libjpeg, which tells what is damaged, has the
// standard tables where a file has none, and makes the luma of a file that is RGB.
inline bool read_plain_header(const uint8_t* jpeg, size_t bytes, PlainJpeg& plain) {
  using namespace plain_jpeg;
  const uint8_t* const end = jpeg + bytes;
  if (bytes < 4 || jpeg[0] != 0xff || jpeg[1] != 0xd8) return false;
  JpegSegment s;
  for (const uint8_t* p = jpeg + 2; read_segment(p, end, s); p = s.data + s.bytes) {
    if (s.marker == kSos) {
      plain.scan = s;
      plain.coded = s.data + s.bytes;
      return plain.frame.data && is_plain_scan(s, plain.frame, plain.tables);
    }
    if (is_adobe_rgb(s)) return false;
    if (s.marker == kDqt && !read_quantization(s, plain.tables)) return false;
    if (s.marker == kDht && !read_huffman(s, plain.tables)) return false;
    if (s.marker == kDri) {
      if (s.bytes != 2) return false;
      plain.restart_interval = unsigned(s.data[0]) << 8 | s.data[1];
    }
    if (s.marker != kSof0 && s.marker != kSof1) continue;
    if (plain.frame.data || !is_plain_frame(s)) return false;
    plain.frame = s;
  }
  return false;
}

}  // namespace lk::cuda
