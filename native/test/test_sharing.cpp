// Bookkeeping of the CUDA engine that needs no GPU: places to decode at, which
// sequences share, and points that have not come back yet.
#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "check.h"
#include "cuda/decode_places.h"
#include "cuda/pending.h"

namespace {

using lk::cuda::DecodePlaces;
using Lease = DecodePlaces::Lease;

constexpr size_t kPixels = 1000;

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

// A thread that has come to wait for a state, and goes when it gets one.
std::thread waiting_thread(DecodePlaces& places) {
  const size_t before = places.waiting();
  std::thread thread([&] { CHECK(Lease(&places, kPixels).on_gpu()); });
  for (int ms = 0; places.waiting() == before && ms < 5000; ++ms) sleep_ms(1);
  CHECK_EQUAL(places.waiting(), before + 1);
  return thread;
}

void states_come_first() {
  DecodePlaces places(2, 8);
  int a = 0, b = 0;
  {
    Lease first(&places, kPixels), second(&places, kPixels);
    CHECK(first.on_gpu() && second.on_gpu());
    CHECK(!first.state && !second.state);
    first.state = &a, second.state = &b;
  }
  Lease first(&places, kPixels), second(&places, kPixels);
  CHECK((first.state == &a && second.state == &b) || (first.state == &b && second.state == &a));
  std::thread third = waiting_thread(places);  // nobody waited before it
  first.release();
  first.release();
  third.join();
  CHECK(!Lease(nullptr, kPixels).on_gpu());
}

void cores_are_lent_while_others_wait() {
  DecodePlaces places(1, 1);
  Lease holder(&places, kPixels);
  std::thread second = waiting_thread(places);
  Lease on_core(&places, kPixels);
  CHECK(!on_core.on_gpu());
  std::thread fourth = waiting_thread(places);  // for there is no other core
  holder.release();
  second.join();
  fourth.join();
  CHECK_EQUAL(places.waiting(), 0u);
}

void cores_are_not_lent_where_they_are_slower() {
  DecodePlaces places(1, 8);
  {
    Lease quick(&places, kPixels);
    sleep_ms(10);
    quick.done();
  }
  Lease holder(&places, kPixels);
  std::thread second = waiting_thread(places);
  {
    Lease on_core(&places, kPixels);
    CHECK(!on_core.on_gpu());
    sleep_ms(300);  // and fails: that counts for nothing
  }
  {
    Lease on_core(&places, kPixels);
    CHECK(!on_core.on_gpu());
    sleep_ms(300);
    on_core.done();
  }
  std::thread third = waiting_thread(places);
  CHECK(!Lease(&places, 1).on_gpu());  // so small a frame is quicker on a core still
  holder.release();
  second.join();
  third.join();
}

// As of a GPU that does not answer.
void who_waits_goes_without_when_they_close() {
  DecodePlaces places(1, 0);
  const auto is_refused = [&] {
    try {
      Lease lease(&places, kPixels);
    } catch (const lk::Error& error) {
      return error.status == LK_ENGINE_FAILED;
    }
    return false;
  };
  Lease holder(&places, kPixels);
  std::thread second([&] { CHECK(is_refused()); });
  for (int ms = 0; places.waiting() == 0 && ms < 5000; ++ms) sleep_ms(1);
  places.close();
  second.join();
  holder.release();
  CHECK(is_refused());
}

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
  states_come_first();
  cores_are_lent_while_others_wait();
  cores_are_not_lent_where_they_are_slower();
  who_waits_goes_without_when_they_close();
  points_are_pending_until_taken();
  one_look_takes_all_that_have_come();
  return finish("test_sharing");
}
