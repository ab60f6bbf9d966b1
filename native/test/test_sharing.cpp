// What sequences on one GPU share: places to decode at, and leave to wait awake.
// Neither needs a GPU.
#include <chrono>
#include <thread>

#include "check.h"
#include "cuda/decode_places.h"
#include "cuda/waiters.h"

namespace {

using lk::cuda::DecodePlaces;
using lk::cuda::Waiters;
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

void few_wait_awake() {
  Waiters waiters(1);
  bool slept = false;
  waiters.wait([] { return true; }, [&] { slept = true; });
  CHECK(!slept);
  waiters.wait([] { return false; }, [&] { slept = true; });  // not for ever
  CHECK(slept);
  slept = false;

  // While one waits, the next one sleeps at once.
  waiters.wait(
      [&] {
        bool asks = false;
        waiters.wait([&] { return asks = true; }, [&] { slept = true; });
        CHECK(!asks && slept);
        return true;
      },
      [] {});

  // What sleeping throws ends the wait too.
  slept = false;
  try {
    waiters.wait([] { return false; }, [] { throw 1; });
    CHECK(false);
  } catch (int) {
  }
  waiters.wait([] { return true; }, [&] { slept = true; });
  CHECK(!slept);
}

}  // namespace

int main() {
  states_come_first();
  cores_are_lent_while_others_wait();
  cores_are_not_lent_where_they_are_slower();
  few_wait_awake();
  return finish("test_sharing");
}
