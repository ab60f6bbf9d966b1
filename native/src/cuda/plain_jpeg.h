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

// Whether it is a baseline file of this size, grey or of luma and chroma, whose
// one scan, of all its components and without restarts, ends where it should.
// All else is left to libjpeg, which tells what is damaged, as nvJPEG does not,
// and makes the luma of a file that is RGB.
inline bool is_plain_jpeg(const uint8_t* jpeg, size_t bytes, uint32_t width, uint32_t height) {
  using namespace plain_jpeg;
  const uint8_t* const end = jpeg + bytes;
  if (bytes < 4 || jpeg[0] != 0xff || jpeg[1] != 0xd8) return false;
  int components = 0;
  JpegSegment s;
  for (const uint8_t* p = jpeg + 2; read_segment(p, end, s); p = s.data + s.bytes) {
    if (s.marker == kSos)
      return components && s.bytes > 0 && s.data[0] == components && ends_well(s.data + s.bytes, end);
    if (is_adobe_rgb(s)) return false;
    if (s.marker == kDri && (s.bytes != 2 || s.data[0] || s.data[1])) return false;
    if (s.marker != kSof0 && s.marker != kSof1) continue;
    if (components || !is_plain_frame(s, width, height)) return false;
    components = s.data[5];
  }
  return false;
}

}  // namespace lk::cuda
