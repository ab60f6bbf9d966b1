// Points that have not come back yet. Needs no GPU.
#include <algorithm>
#include <vector>

#include "check.h"
#include "cuda/pending.h"

namespace {

void points_are_pending_until_taken() {
  lk::cuda::Pending pending;
  pending.start(0);
  CHECK(pending.empty());
  for (const uint32_t n : {1u, 31u, 32u, 33u, 64u, 65u, 1000u}) {
    pending.start(n);
    std::vector<int> taken(n, 0);
    // In vain at first, then the even ones, then all.
    uint32_t asked = 0;
    pending.take([&](uint32_t) { return ++asked, false; });
    CHECK_EQUAL(asked, (n + 31) / 32);  // one of each group
    pending.take([&](uint32_t i) { return i == 0 && ++taken[0]; });
    for (const bool odd_too : {false, true}) {
      CHECK(!pending.empty() || n == 1);
      pending.take([&](uint32_t i) { return i % 2 == 0 || odd_too ? ++taken[i] : 0; });
    }
    CHECK(pending.empty());
    CHECK_EQUAL(std::count(taken.begin(), taken.end(), 1), int(n));
    pending.take([](uint32_t) { CHECK(false); return true; });
  }
}

// All may come between two looks, the first of which found none.
void one_look_takes_all_that_have_come() {
  for (const uint32_t n : {1u, 2u, 31u, 32u, 33u, 1000u}) {
    lk::cuda::Pending pending;
    pending.start(n);
    uint32_t taken = 0;
    pending.take([](uint32_t) { return false; });
    pending.take([&](uint32_t) { return ++taken, true; });
    CHECK_EQUAL(taken, n);
    CHECK(pending.empty());
  }
}

}  // namespace

int main() {
  points_are_pending_until_taken();
  one_look_takes_all_that_have_come();
  return finish("test_pending");
}
