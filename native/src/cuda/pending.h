// Points that have not come back yet, a bit each, in groups of 32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lk::cuda {

class Pending {
 public:
  // From now on the points 0 … n - 1.
  void start(uint32_t n) {
    groups_.assign((n + 31) / 32, ~0u);
    if (n % 32) groups_.back() = ~0u >> (32 - n % 32);
    first_ = 0;
    has_begun_ = false;
  }

  bool empty() const { return first_ == groups_.size(); }

  // Calls take(i) for points that are pending, and forgets those for which it returns
  // true. They come back at about the same time: so until one has, only the first one of
  // each group is asked for, and to look in vain costs little. Where all have come, one
  // call takes all.
  template <class Take>
  void take(const Take& take) {
    for (size_t g = first_; g < groups_.size(); ++g) {
      if (!has_begun_) has_begun_ = take_of(g, groups_[g] & 1, take);
      if (has_begun_) take_of(g, groups_[g], take);
      if (g == first_ && groups_[g] == 0) ++first_;
    }
  }

 private:
  // True where a point of these was taken.
  template <class Take>
  bool take_of(size_t g, uint32_t bits, const Take& take) {
    const uint32_t before = groups_[g];
    for (; bits; bits &= bits - 1) {
      const auto bit = uint32_t(__builtin_ctz(bits));
      if (take(uint32_t(g) * 32 + bit)) groups_[g] &= ~(1u << bit);
    }
    return groups_[g] != before;
  }

  std::vector<uint32_t> groups_;
  size_t first_ = 0;  // group with a point
  bool has_begun_ = false;
};

}  // namespace lk::cuda
