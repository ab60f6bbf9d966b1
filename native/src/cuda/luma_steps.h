// How the luma of a baseline JPEG is decoded by many threads at once: what each thread
// does, which is the same on a GPU (luma.cu) and on a CPU (test/luma_on_cpu.h).
//
// The coded data, without its stuffing, is cut into substreams of 256 bits. Where in a
// substream the first code begins is not known, nor of which block and coefficient it
// is. But Huffman codes synchronise themselves: who starts to decode anywhere is soon
// where everybody else is (Klein and Wiseman, "Parallel Huffman decoding with
// applications to JPEG files", The Computer Journal 46, 2003; Weissenberger and Schmidt,
// "Massively parallel Huffman decoding on GPUs", ICPP 2018, and "Accelerating JPEG
// decompression on GPUs", HiPC 2021). Which code begins where is found after some ten
// codes. Which block of the MCU it is of takes a hundred times as long, for one who is
// wrong in that only notices where the tables differ. So here each substream is walked
// through from eight guesses at once, one for each block of an MCU: then one of them is
// right after a few codes. Which one it is, is known as soon as the walks through the
// substreams are put together: where one ends is looked for among where those through
// the next substream began, and only where it is not found, is walked on from.
//
// What was counted on the way tells each substream its place, and all are decoded once
// more, now to write. That pass proves the ones before it: where every substream begins
// as the one before it has ended, from the first one on, the whole was decoded as by one
// thread. Where that, or anything else, does not come out even, the frame is not used,
// and libjpeg has it.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __CUDACC__
#define LK_ANYWHERE __host__ __device__
#else
#define LK_ANYWHERE
#endif

namespace lk::cuda {

constexpr unsigned kSubstreamBits = 256, kSubstreamWords = kSubstreamBits / 32;

// ---- Codes -----------------------------------------------------------------------------

// What the tables say of the next bits. Codes of up to 10 bits are looked up at once;
// for those that begin alike and are longer there is a second table of 6 bits more.
namespace code {
constexpr unsigned kFirstBits = 10, kSecondBits = 16 - kFirstBits;
constexpr uint32_t kBits = 31;           // of the code and of the value behind it
constexpr unsigned kSizeShift = 8;       // of the value: 4 bits
constexpr uint32_t kEndsBlock = 1u << 16, kInvalid = 1u << 17;
constexpr unsigned kAdvanceShift = 24;   // coefficients that it goes on by: 7 bits
constexpr uint32_t kLong = 1u << 31;     // none of that, but where the second table begins

LK_ANYWHERE inline unsigned bits(uint32_t entry) { return entry & kBits; }
LK_ANYWHERE inline unsigned size(uint32_t entry) { return entry >> kSizeShift & 15; }
LK_ANYWHERE inline unsigned advance(uint32_t entry) { return entry >> kAdvanceShift; }
}  // namespace code

// window: the next 32 bits.
LK_ANYWHERE inline uint32_t look_up(const uint32_t* table, uint32_t window) {
  const uint32_t entry = table[window >> (32 - code::kFirstBits)];
  if (!(entry & code::kLong)) return entry;
  return table[(entry & 0xffff) + (window >> 16 & ((1u << code::kSecondBits) - 1))];
}

// Threads that decode side by side wait for one another at every branch that some of them
// take. So there is one only where it is seldom taken, and all else is chosen from.

// The value behind a code (ITU-T T.81, F.2.2.1).
LK_ANYWHERE inline int value_of(uint32_t entry, uint32_t window) {
  const unsigned size = code::size(entry);
  const uint32_t bits = window << (code::bits(entry) - size) >> 1 >> (31 - size);
  const uint32_t half = (1u << size) >> 1;
  return int(bits) - (bits < half ? int((1u << size) - 1) : 0);
}

// ---- Bits ------------------------------------------------------------------------------

// Of two words, 32 bits from one of the first on.
LK_ANYWHERE inline uint32_t joined(uint32_t first, uint32_t second, unsigned from) {
#ifdef __CUDA_ARCH__
  return __funnelshift_l(second, first, from);
#else
  return from & 31 ? first << (from & 31) | second >> (32 - (from & 31)) : first;
#endif
}

// Reads words of bits, of which the first is the most significant one. So many words
// beyond a substream must be there, for it is read a little further than it reaches.
constexpr unsigned kWordsBeyond = 4;

class Bits {
 public:
  LK_ANYWHERE Bits(const uint32_t* words, uint32_t at)
      : next_(words + (at >> 5) + 3), first_(next_[-2]), second_(next_[-1]), third_(*next_),
        window_(joined(next_[-3], first_, at)), at_(at) {}

  LK_ANYWHERE uint32_t at() const { return at_; }
  // The next 32.
  LK_ANYWHERE uint32_t window() const { return window_; }

  // From 1 to 31. The window waits for their number alone; what it is filled up with is
  // there before.
  LK_ANYWHERE void skip(unsigned bits) {
    window_ = joined(window_, joined(first_, second_, at_), bits);
    const uint32_t before = at_;
    at_ += bits;
    const bool goes_on = (before ^ at_) >= 32;
    first_ = goes_on ? second_ : first_;
    second_ = goes_on ? third_ : second_;
    next_ += goes_on;
    third_ = *next_;
  }

 private:
  const uint32_t* next_;
  uint32_t first_, second_, third_;  // behind the one that is being read
  uint32_t window_, at_;
};

// ---- A thread's way --------------------------------------------------------------------

constexpr unsigned kMostBlocks = 10;  // of an MCU

// What the blocks of an MCU are decoded with.
struct Blocks {
  uint32_t tables[kMostBlocks];  // where that of the first coefficient begins, and, in the
                                 // upper half, that of all others
  uint32_t count;                // of an MCU,
  uint32_t luma;                 // the first of them
};

// Where a substream is entered: so many bits behind its beginning, in a block of the
// MCU, before a coefficient in zigzag order.
class Entry {
 public:
  Entry() = default;
  LK_ANYWHERE Entry(unsigned offset, unsigned block, unsigned k)
      : bits_(uint16_t(offset << 10 | block << 6 | k)) {}

  // Of a segment.
  LK_ANYWHERE static Entry first() { return {0, 0, 0}; }

  LK_ANYWHERE unsigned offset() const { return bits_ >> 10; }
  LK_ANYWHERE unsigned block() const { return bits_ >> 6 & 15; }
  LK_ANYWHERE unsigned k() const { return bits_ & 63; }
  LK_ANYWHERE bool operator==(Entry o) const { return bits_ == o.bits_; }
  LK_ANYWHERE bool operator!=(Entry o) const { return bits_ != o.bits_; }

 private:
  uint16_t bits_;
};

// What is passed on the way through a substream.
struct Sums {
  uint32_t blocks;  // that ended
  uint32_t dc;      // of the differences of luma, which may wrap
};

LK_ANYWHERE inline Sums operator+(Sums a, Sums b) { return {a.blocks + b.blocks, a.dc + b.dc}; }

struct Passage {
  Entry exit;
  Sums sums;
};

// A place in the blocks of an MCU. Which tables come next is known before the code is.
class Place {
 public:
  LK_ANYWHERE Place(const Blocks& blocks, Entry entry)
      : tables_(blocks.tables), count_(blocks.count), luma_(blocks.luma), block_(entry.block()),
        k_(entry.k()), ac_(tables_[block_] >> 16), next_(tables_[after(block_)]),
        table_(k_ == 0 ? tables_[block_] & 0xffff : ac_) {}

  LK_ANYWHERE unsigned block() const { return block_; }
  LK_ANYWHERE unsigned k() const { return k_; }
  LK_ANYWHERE bool is_luma() const { return block_ < luma_; }
  // Where the table of the next code is.
  LK_ANYWHERE uint32_t table() const { return table_; }

  // From 1 on. True where a block ends.
  LK_ANYWHERE bool go_to(unsigned k) {
    const bool ends = k >= 64;
    table_ = ends ? next_ & 0xffff : ac_;
    k_ = ends ? 0 : k;
    ac_ = ends ? next_ >> 16 : ac_;
    block_ = ends ? after(block_) : block_;
    next_ = tables_[after(block_)];
    return ends;
  }

 private:
  LK_ANYWHERE unsigned after(unsigned block) const { return block + 1 == count_ ? 0 : block + 1; }

  const uint32_t* const tables_;
  const unsigned count_, luma_;
  unsigned block_, k_;
  uint32_t ac_, next_, table_;
};

// Decodes from an entry to the end of a substream, and takes what makes no sense for
// the end of a block. Without Sum it tells nothing of what was passed.
template <bool Sum = true>
LK_ANYWHERE inline Passage pass(const Blocks& blocks, const uint32_t* tables,
                                const uint32_t* words, uint32_t begin, uint32_t end, Entry entry) {
  Bits bits(words, begin + entry.offset());
  Place place(blocks, entry);
  Sums sums{0, 0};
  while (bits.at() < end) {
    const uint32_t window = bits.window(), e = look_up(tables + place.table(), window);
    if constexpr (Sum)
      sums.dc += place.k() == 0 && place.is_luma() ? uint32_t(value_of(e, window)) : 0;
    bits.skip(code::bits(e));
    const bool ends = place.go_to(place.k() + code::advance(e));
    if constexpr (Sum) sums.blocks += ends;
  }
  return {Entry(bits.at() - end, place.block(), place.k()), sums};
}

// ---- Many ways together ------------------------------------------------------------------

// A group of threads has so many substreams: first some that belong to the group before,
// so that its own ones are entered by ways that have synchronised.
constexpr int kGuesses = 8, kWalks = 2, kLead = 4, kOwn = 28, kChunk = kLead + kOwn;
constexpr uint8_t kNone = 255;

// Of what follows the start of the scan, or a restart marker, up to the next one.
struct Segment {
  uint32_t first;  // substream
  uint32_t bits;
};

// The segment of a substream. The last one, which holds nothing, is not counted.
LK_ANYWHERE inline uint32_t segment_of(const Segment* segments, uint32_t count,
                                       uint32_t substream) {
  uint32_t low = 0, high = count;
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    (segments[middle].first <= substream ? low : high) = middle;
  }
  return low;
}

// A substream, in bits from the beginning of some words.
struct Extent {
  uint32_t begin, end;
  bool is_first;  // of its segment: it is entered at the beginning of an MCU
};

LK_ANYWHERE inline Extent extent_of(const Segment& segment, uint32_t substream,
                                    uint32_t first_substream) {
  const uint32_t begin = (substream - first_substream) * kSubstreamBits;
  const uint32_t left = segment.bits - (substream - segment.first) * kSubstreamBits;
  return {begin, begin + (left < kSubstreamBits ? left : kSubstreamBits),
          substream == segment.first};
}

LK_ANYWHERE inline Entry guess(const Blocks& blocks, unsigned i) {
  return {i / blocks.count, i % blocks.count, 1};
}

// The walks through the substreams of a chunk. Of slots that are no substream nothing
// is asked.
struct Walks {
  Extent extents[kChunk];
  Entry entries[kChunk][kGuesses];
  Passage passages[kChunk][kGuesses];
  uint8_t next[kChunk][kGuesses];  // which walk through the next substream goes on from there
};

LK_ANYWHERE inline uint8_t find(const Entry (&entries)[kGuesses], Entry entry) {
  for (uint8_t i = 0; i < kGuesses; ++i)
    if (entries[i] == entry) return i;
  return kNone;
}

// A substream on a way: what it is entered with, and what came before, from the
// beginning of the chunk or, where that is later, of the segment.
struct Step {
  Entry entry;
  uint16_t blocks;
  uint32_t dc;

  LK_ANYWHERE Sums sums() const { return {blocks, dc}; }
};
static_assert(sizeof(Step) == 8);

// Where a way through a chunk ends.
struct End {
  Entry exit;
  bool is_fresh;  // a segment began in the chunk
  Sums sums;      // from there on; else from the beginning of the chunk
};

// Goes from the beginning of a slot, along walks where it can, to that of slot `end`.
// Writes a step for each slot from `own` on.
LK_ANYWHERE inline End follow(const Blocks& blocks, const uint32_t* tables, const uint32_t* words,
                              const Walks& walks, int slot, int own, int end, unsigned walk,
                              Step* steps) {
  End e{walks.entries[slot][walk], false, {0, 0}};
  uint8_t at = uint8_t(walk);
  for (; slot < end; ++slot) {
    if (walks.extents[slot].is_first) e = {Entry::first(), slot >= own, {0, 0}}, at = 0;
    if (slot == own && !e.is_fresh) e.sums = {0, 0};
    if (slot >= own) *steps++ = {e.exit, uint16_t(e.sums.blocks), e.sums.dc};
    Passage p;
    if (at != kNone) {
      p = walks.passages[slot][at];
      at = walks.next[slot][at];
    } else {
      p = pass(blocks, tables, words, walks.extents[slot].begin, walks.extents[slot].end, e.exit);
      at = slot + 1 < end ? find(walks.entries[slot + 1], p.exit) : kNone;
    }
    e.exit = p.exit;
    e.sums = e.sums + p.sums;
  }
  return e;
}

// The ways through a chunk: one along each of the walks.
struct Ways {
  Entry entries[kGuesses];  // of its own first substream
  End ends[kGuesses];
};

// Makes the first way through a chunk one that begins with this entry: anew, until it
// meets another one, of which it takes the rest. steps: kOwn for each way; extents: of
// its own substreams, so many.
LK_ANYWHERE inline void mend(const Blocks& blocks, const uint32_t* tables, const uint32_t* words,
                             const Extent* extents, int count, Entry entry, Step* steps,
                             Ways& ways) {
  End e{entry, false, {0, 0}};
  for (int i = 0; i < count; ++i) {
    if (extents[i].is_first) e = {Entry::first(), true, {0, 0}};
    int met = 0;
    while (met < kGuesses && steps[met * kOwn + i].entry != e.exit) ++met;
    if (met < kGuesses) {
      Sums more{e.sums.blocks - steps[met * kOwn + i].blocks, e.sums.dc - steps[met * kOwn + i].dc};
      for (; i < count; ++i) {
        if (extents[i].is_first) more = {0, 0}, e.is_fresh = true;
        const Step& step = steps[met * kOwn + i];
        steps[i] = {step.entry, uint16_t(step.blocks + more.blocks), step.dc + more.dc};
      }
      ways.ends[0] = {ways.ends[met].exit, e.is_fresh, ways.ends[met].sums + more};
      return;
    }
    steps[i] = {e.exit, uint16_t(e.sums.blocks), e.sums.dc};
    const Passage p = pass(blocks, tables, words, extents[i].begin, extents[i].end, e.exit);
    e.exit = p.exit;
    e.sums = e.sums + p.sums;
  }
  ways.ends[0] = e;
}

// ---- Writing -----------------------------------------------------------------------------

// Where coefficients go: 64 for each block of luma, in the order of the file, each
// column's one after the other. They have to be 0 before.
struct Coefficients {
  int16_t* values;
  const uint8_t* places;  // by zigzag index
};

struct Written {
  Entry exit;
  Sums sums;  // up to here, from the beginning of the segment
  bool even;
};

// Decodes from an entry to the end of a substream, or of its segment's blocks, of which
// there are so many. before: what comes before it in that segment. Writes nothing that
// is not in the segment, whatever it is given.
LK_ANYWHERE inline Written write(const Blocks& blocks, const uint32_t* tables,
                                 const uint32_t* words, uint32_t begin, uint32_t end,
                                 uint32_t segment_end, Entry entry, Sums before, uint32_t count,
                                 const Coefficients& to) {
  if (before.blocks >= count) return {entry, before, true};
  if (before.blocks % blocks.count != entry.block()) return {entry, before, false};
  Bits bits(words, begin + entry.offset());
  Place place(blocks, entry);
  Sums sums = before;
  bool even = true;
  const unsigned luma_before = place.is_luma() ? place.block() : blocks.luma;
  int16_t* here = to.values + size_t(sums.blocks / blocks.count * blocks.luma + luma_before) * 64;
  while (bits.at() < end && sums.blocks < count) {
    const uint32_t window = bits.window(), e = look_up(tables + place.table(), window);
    const int value = value_of(e, window);
    bits.skip(code::bits(e));
    const unsigned after = place.k() + code::advance(e);
    even &= !(e & code::kInvalid) && (after <= 64 || e & code::kEndsBlock) &&
            bits.at() <= segment_end;
    const bool is_first = place.k() == 0, is_luma = place.is_luma();
    sums.dc += is_first && is_luma ? uint32_t(value) : 0;
    even &= int(sums.dc) == int16_t(sums.dc);
    const int coefficient = is_first ? int(sums.dc) : value;
    if (is_luma && coefficient != 0 && after <= 64)
      here[to.places[after - 1]] = int16_t(coefficient);
    const bool ends = place.go_to(after);
    here += ends && is_luma ? 64 : 0;
    sums.blocks += ends;
  }
  // Not more is left than fills the last byte.
  if (sums.blocks == count) even &= segment_end - bits.at() < 8;
  return {Entry(bits.at() < end ? 0 : bits.at() - end, place.block(), place.k()), sums, even};
}

// Writes a substream, and says whether that has come out even: whether its segment ends
// in it as it should, or what comes next is entered as this ends.
LK_ANYWHERE inline bool write_substream(const Blocks& blocks, const uint32_t* tables,
                                        const uint32_t* words, const Extent& extent,
                                        const Segment& segment, uint32_t substream, bool is_last,
                                        Entry entry, Sums before, Entry next_entry,
                                        Sums next_before, uint32_t count, const Coefficients& to) {
  if (extent.is_first && (entry != Entry::first() || before.blocks != 0 || before.dc != 0)) return false;
  const uint32_t left = segment.bits - (substream - segment.first) * kSubstreamBits;
  const Written w = write(blocks, tables, words, extent.begin, extent.end, extent.begin + left,
                          entry, before, count, to);
  if (!w.even) return false;
  if (w.sums.blocks >= count) return is_last || next_before.blocks >= count;
  return !is_last && w.exit == next_entry && w.sums.blocks == next_before.blocks &&
         w.sums.dc == next_before.dc;
}

// ---- From coefficients to pixels ---------------------------------------------------------

// libjpeg's accurate integer transform (jidctint.c, after Loeffler, Ligtenberg and
// Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989),
// once down the columns and once along the rows. Its versions for vector instructions
// keep 16 bits between the steps: where that, or what they cut off at the end, could
// make a difference, the block is not even.
namespace idct {

constexpr int kMostOfColumn = 5900, kMostOfRow = 23600;

LK_ANYWHERE inline uint32_t sum_of_sizes(const int (&v)[8]) {
  uint32_t sum = 0;
  for (int i = 0; i < 8; ++i) sum += uint32_t(v[i] < 0 ? -v[i] : v[i]);
  return sum;
}

template <int Shift>
LK_ANYWHERE inline void transform(int (&v)[8]) {
  constexpr int k0_298 = 2446, k0_390 = 3196, k0_541 = 4433, k0_765 = 6270, k0_899 = 7373,
                k1_175 = 9633, k1_501 = 12299, k1_847 = 15137, k1_961 = 16069, k2_053 = 16819,
                k2_562 = 20995, k3_072 = 25172;
  const int common = (v[2] + v[6]) * k0_541;
  const int e2 = common - v[6] * k1_847, e3 = common + v[2] * k0_765;
  const int e0 = (v[0] + v[4]) * 8192, e1 = (v[0] - v[4]) * 8192;
  const int even[4] = {e0 + e3, e1 + e2, e1 - e2, e0 - e3};
  const int all = (v[7] + v[3] + v[5] + v[1]) * k1_175;
  const int a = -(v[7] + v[1]) * k0_899, b = -(v[5] + v[3]) * k2_562;
  const int c = all - (v[7] + v[3]) * k1_961, d = all - (v[5] + v[1]) * k0_390;
  const int odd[4] = {v[1] * k1_501 + a + d, v[3] * k3_072 + b + c, v[5] * k2_053 + b + d,
                      v[7] * k0_298 + a + c};
  for (int i = 0; i < 4; ++i) {
    v[i] = (even[i] + odd[i] + (1 << (Shift - 1))) >> Shift;
    v[7 - i] = (even[i] - odd[i] + (1 << (Shift - 1))) >> Shift;
  }
}

// Of dequantized coefficients. False where it is not even; then they are 0.
LK_ANYWHERE inline bool column(int (&v)[8]) {
  const bool even = sum_of_sizes(v) <= kMostOfColumn;
  if (!even)
    for (int i = 0; i < 8; ++i) v[i] = 0;
  transform<11>(v);
  return even;
}

// Of what columns have become; gives pixels.
LK_ANYWHERE inline bool row(int (&v)[8]) {
  bool even = sum_of_sizes(v) <= kMostOfRow;
  if (!even)
    for (int i = 0; i < 8; ++i) v[i] = 0;
  transform<18>(v);
  for (int i = 0; i < 8; ++i) {
    even &= v[i] >= -512 && v[i] < 512;
    v[i] = v[i] < -128 ? 0 : v[i] > 127 ? 255 : v[i] + 128;
  }
  return even;
}

}  // namespace idct

// Where its blocks of luma are in the picture: across and down in an MCU, one MCU after
// the other in rows.
struct LumaLayout {
  uint32_t width, height;
  uint32_t across, down;
  uint32_t mcus_across, mcus;
};

// What there is to know of a file but for its tables and its coded data.
struct LumaFrame {
  Blocks blocks;
  LumaLayout layout;
  uint32_t mcus_of_segment;  // the last one may have less
  uint32_t unused = 0;       // in place of padding (launches.h)
  alignas(16) uint16_t quantization[64];  // in the order of Coefficients

  LK_ANYWHERE uint32_t blocks_of(uint32_t segment) const {
    const uint32_t left = layout.mcus - segment * mcus_of_segment;
    return (left < mcus_of_segment ? left : mcus_of_segment) * blocks.count;
  }
  // Where its coefficients begin.
  LK_ANYWHERE size_t first_value_of(uint32_t segment) const {
    return size_t(segment) * mcus_of_segment * blocks.luma * 64;
  }
  LK_ANYWHERE uint32_t luma_blocks() const { return layout.mcus * blocks.luma; }
};

// What begins the coded data of a file as it was cut: the words of its substreams come
// right after it, and then its segments, with one at the end that holds nothing.
struct alignas(16) LumaCut {
  uint32_t substreams, segments;
};

struct BlockCorner {
  uint32_t x, y;
};

LK_ANYWHERE inline BlockCorner corner_of(const LumaLayout& l, uint32_t block) {
  const uint32_t mcu = block / (l.across * l.down), i = block % (l.across * l.down);
  return {(mcu % l.mcus_across * l.across + i % l.across) * 8,
          (mcu / l.mcus_across * l.down + i / l.across) * 8};
}
}  // namespace lk::cuda
