// The decoder of cuda/luma.cu on the CPU: the same steps, with threads as loops.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "cuda/luma_scan.h"

// How often it had to do what it seldom does.
struct LumaWork {
  int chunks = 0, mended = 0;
};

class LumaOnCpu {
 public:
  // words: as LumaScan::cut() has left them.
  LumaOnCpu(const lk::cuda::LumaFrame& frame, const uint32_t* tables, const uint32_t* words)
      : frame_(frame), tables_(tables) {
    std::memcpy(&cut_, words, sizeof cut_);
    words += sizeof cut_ / 4;
    const size_t coded = size_t(cut_.substreams) * lk::cuda::kSubstreamWords;
    words_.resize(coded + lk::cuda::kWordsBeyond);
    for (size_t i = 0; i < coded; ++i) words_[i] = __builtin_bswap32(words[i]);
    segments_.resize(cut_.segments + 1);
    std::memcpy(segments_.data(), words + coded, segments_.size() * sizeof(segments_[0]));
  }

  // False where it does not come out even.
  bool decode(uint8_t* pixels, size_t pitch, LumaWork* work = nullptr) {
    using namespace lk::cuda;
    chunks_ = (int(cut_.substreams) + kOwn - 1) / kOwn;
    steps_.resize(size_t(chunks_ * kGuesses * kOwn));
    ways_.resize(size_t(chunks_));
    for (int c = 0; c < chunks_; ++c) walk(c);
    const int mended = join();
    if (work) *work = {chunks_, mended};
    return write_all() && transform_all(pixels, pitch);
  }

 private:
  using Entry = lk::cuda::Entry;
  using Sums = lk::cuda::Sums;
  using Step = lk::cuda::Step;

  int first_of(int chunk) const { return chunk * lk::cuda::kOwn - lk::cuda::kLead; }
  int slots_of(int chunk) const {
    return std::min(lk::cuda::kChunk, int(cut_.substreams) - first_of(chunk));
  }
  const uint32_t* words_of(int chunk) const {
    return words_.data() + std::max(0, first_of(chunk)) * int(lk::cuda::kSubstreamWords);
  }
  uint32_t segment(int substream) const {
    return lk::cuda::segment_of(segments_.data(), cut_.segments, uint32_t(substream));
  }
  lk::cuda::Extent extent(int substream, int from) const {
    using namespace lk::cuda;
    return extent_of(segments_[segment(substream)], uint32_t(substream), uint32_t(from));
  }
  Step* steps_of(int chunk) { return &steps_[size_t(chunk * lk::cuda::kGuesses * lk::cuda::kOwn)]; }

  void walk(int chunk) {
    using namespace lk::cuda;
    Walks walks;
    const int begin = chunk == 0 ? kLead : 0, end = slots_of(chunk), first = first_of(chunk);
    for (int slot = begin; slot < end; ++slot)
      walks.extents[slot] = extent(first + slot, std::max(0, first));
    for (int round = 0; round < kWalks; ++round) {
      for (int slot = end - 1; slot >= begin; --slot)
        for (int i = 0; i < kGuesses; ++i) {
          Entry& entry = walks.entries[slot][i];
          if (walks.extents[slot].is_first)
            entry = Entry::first();
          else if (round == 0)
            entry = guess(frame_.blocks, unsigned(i));
          else if (slot > begin)
            entry = walks.passages[slot - 1][i].exit;
        }
      for (int slot = begin; slot < end; ++slot)
        for (int i = 0; i < kGuesses; ++i) {
          const Extent& e = walks.extents[slot];
          walks.passages[slot][i] = pass(frame_.blocks, tables_, words_of(chunk), e.begin, e.end,
                                         walks.entries[slot][i]);
        }
    }
    for (int slot = begin; slot < end; ++slot)
      for (int i = 0; i < kGuesses; ++i)
        walks.next[slot][i] =
            slot + 1 < end ? find(walks.entries[slot + 1], walks.passages[slot][i].exit) : kNone;
    for (int i = 0; i < kGuesses; ++i) {
      Step* steps = steps_of(chunk) + i * kOwn;
      ways_[size_t(chunk)].ends[i] =
          follow(frame_.blocks, tables_, words_of(chunk), walks, std::max(begin, kWalks - 1), kLead,
                 end, unsigned(i), steps);
      ways_[size_t(chunk)].entries[i] = steps[0].entry;
    }
  }

  // Which way through each chunk goes on from that through the one before.
  int join() {
    using namespace lk::cuda;
    int mended = 0;
    ways_taken_.assign(size_t(chunks_), 0);
    before_.assign(size_t(chunks_), {0, 0});
    for (int c = 1; c < chunks_; ++c) {
      const End& end = ways_[size_t(c - 1)].ends[ways_taken_[size_t(c - 1)]];
      before_[size_t(c)] = end.is_fresh ? end.sums : before_[size_t(c - 1)] + end.sums;
      const int first = c * kOwn, count = std::min(kOwn, int(cut_.substreams) - first);
      std::vector<Extent> extents;
      for (int i = 0; i < count; ++i) extents.push_back(extent(first + i, first));
      uint8_t way = extents[0].is_first ? 0 : find(ways_[size_t(c)].entries, end.exit);
      if (way == kNone) {
        mend(frame_.blocks, tables_, words_.data() + first * int(kSubstreamWords), extents.data(),
             count, end.exit, steps_of(c), ways_[size_t(c)]);
        way = 0;
        ++mended;
      }
      ways_taken_[size_t(c)] = way;
    }
    return mended;
  }

  // What is known of a substream: its step, with what came before in its segment.
  Step step(int substream, Sums& before) {
    using namespace lk::cuda;
    const size_t chunk = size_t(substream / kOwn);
    const Step& s =
        steps_of(int(chunk))[ways_taken_[chunk] * kOwn + substream - int(chunk) * kOwn];
    before = s.sums();
    if (segments_[segment(substream)].first < chunk * kOwn) before = before + before_[chunk];
    return s;
  }

  bool write_all() {
    using namespace lk::cuda;
    coefficients_.assign(size_t(frame_.luma_blocks()) * 64, 0);
    bool even = true;
    const int count = int(cut_.substreams);
    for (int k = 0; k < count; ++k) {
      Sums before, next_before{0, 0};
      const Entry entry = step(k, before).entry;
      Entry next = Entry::first();
      const uint32_t in = segment(k);
      const bool is_last = uint32_t(k) + 1 == segments_[in + 1].first;
      if (!is_last) next = step(k + 1, next_before).entry;
      even &= write_substream(frame_.blocks, tables_, words_.data() + k * int(kSubstreamWords),
                              extent(k, k), segments_[in], uint32_t(k), is_last, entry, before,
                              next, next_before, frame_.blocks_of(in),
                              {coefficients_.data() + frame_.first_value_of(in), kPlaceOfZigzag});
    }
    return even;
  }

  bool transform_all(uint8_t* pixels, size_t pitch) const {
    using namespace lk::cuda;
    const LumaLayout& l = frame_.layout;
    bool even = true;
    for (uint32_t n = 0; n < frame_.luma_blocks(); ++n) {
      int block[8][8];
      for (int x = 0; x < 8; ++x) {
        for (int y = 0; y < 8; ++y)
          block[x][y] = coefficients_[n * 64 + size_t(x * 8 + y)] * frame_.quantization[x * 8 + y];
        even &= idct::column(block[x]);
      }
      const BlockCorner at = corner_of(l, n);
      for (int y = 0; y < 8; ++y) {
        int row[8];
        for (int x = 0; x < 8; ++x) row[x] = block[x][y];
        even &= idct::row(row);
        for (uint32_t x = 0; x < 8; ++x)
          if (at.y + uint32_t(y) < l.height && at.x + x < l.width)
            pixels[(at.y + uint32_t(y)) * pitch + at.x + x] = uint8_t(row[x]);
      }
    }
    return even;
  }

  const lk::cuda::LumaFrame frame_;
  lk::cuda::LumaCut cut_;
  const uint32_t* const tables_;
  std::vector<lk::cuda::Segment> segments_;
  std::vector<uint32_t> words_;
  int chunks_ = 0;
  std::vector<Step> steps_;
  std::vector<lk::cuda::Ways> ways_;
  std::vector<uint8_t> ways_taken_;
  std::vector<Sums> before_;
  std::vector<int16_t> coefficients_;
};
