// Which JPEGs nvJPEG is asked to decode. It writes where it is told, for the size
// that it reads itself: so nothing may be in a file that readers understand
// differently. Needs no CUDA.
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

// A frame header of 8 bits, of this size, grey or with luma, not smaller than chroma, first (B.2.2).
inline bool is_plain_frame(const JpegSegment& s, uint32_t width, uint32_t height) {
  const uint8_t* const d = s.data;
  if (s.bytes < 6) return false;
  const int components = d[5];
  if (d[0] != 8 || (components != 1 && components != 3)) return false;
  if (s.bytes != size_t(6 + 3 * components)) return false;
  if ((uint32_t(d[1]) << 8 | d[2]) != height || (uint32_t(d[3]) << 8 | d[4]) != width) return false;
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

// Which tables a file has brought: a bit for each of the four places.
struct Tables {
  unsigned quantization = 0, dc = 0, ac = 0;
};

inline bool has(unsigned places, int place) { return place < 4 && (places >> place & 1); }

// Notes the tables of a DQT segment (B.2.4.1). False where it does not hold whole ones.
inline bool read_quantization(const JpegSegment& s, Tables& tables) {
  for (size_t i = 0; i < s.bytes;) {
    const int place = s.data[i] & 15, wide = s.data[i] >> 4;
    if (place > 3 || wide > 1) return false;
    i += size_t(1 + 64 * (1 + wide));
    if (i > s.bytes) return false;
    tables.quantization |= 1u << place;
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
    i += 17 + symbols;
    if (i > s.bytes) return false;
    (kind ? tables.ac : tables.dc) |= 1u << place;
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

// Coded data with no marker in it before the end of the file.
inline bool ends_well(const uint8_t* p, const uint8_t* end) {
  while ((p = static_cast<const uint8_t*>(std::memchr(p, 0xff, size_t(end - p))))) {
    if (end - p < 2) return false;
    if (p[1] != 0) return p[1] == 0xd9 && p + 2 == end;
    p += 2;
  }
  return false;
}

}  // namespace plain_jpeg

// Whether it is a baseline file of this size, grey or of luma and chroma, with
// all its tables, whose one scan, of all its components and without restarts,
// ends where it should. All else is left to libjpeg, which tells what is
// damaged, as nvJPEG does not, has the standard tables where a file has none,
// and makes the luma of a file that is RGB.
inline bool is_plain_jpeg(const uint8_t* jpeg, size_t bytes, uint32_t width, uint32_t height) {
  using namespace plain_jpeg;
  const uint8_t* const end = jpeg + bytes;
  if (bytes < 4 || jpeg[0] != 0xff || jpeg[1] != 0xd8) return false;
  JpegSegment frame{0, nullptr, 0}, s;
  Tables tables;
  for (const uint8_t* p = jpeg + 2; read_segment(p, end, s); p = s.data + s.bytes) {
    if (s.marker == kSos)
      return frame.data && is_plain_scan(s, frame, tables) && ends_well(s.data + s.bytes, end);
    if (is_adobe_rgb(s)) return false;
    if (s.marker == kDqt && !read_quantization(s, tables)) return false;
    if (s.marker == kDht && !read_huffman(s, tables)) return false;
    if (s.marker == kDri && (s.bytes != 2 || s.data[0] || s.data[1])) return false;
    if (s.marker != kSof0 && s.marker != kSof1) continue;
    if (frame.data || !is_plain_frame(s, width, height)) return false;
    frame = s;
  }
  return false;
}

}  // namespace lk::cuda
