// What happens where the system has no thread to give: calls say so, or the threads
// that are there do the work.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "calls.h"
#include "check.h"
#include "lkstream.h"
#include "pictures.h"
#include "wait.h"

namespace {
std::atomic<int> g_threads_left{0}, g_refused{0};
}

// In place of the system's.
extern "C" __attribute__((visibility("default"))) int pthread_create(
    pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
    void* argument) noexcept {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  if (g_threads_left-- > 0) return create(thread, attributes, body, argument);
  ++g_threads_left;
  ++g_refused;
  return EAGAIN;
}

namespace {

const lk_flow_options kFlow{21, 21, 3, 30, 0.01f, 1e-4f, 0};

lk_engine* g_engine;
lk_queue* g_queue;

lk_job job_on(const Picture& p) {
  return advance_job(
      grey_image(p.pixels.data(), uint32_t(p.width), uint32_t(p.height), uint32_t(p.width)), kFlow);
}

lk_sequence* open() {
  lk_sequence* sequence = nullptr;
  CHECK_EQUAL(lk_sequence_create(g_engine, LK_MAX_PIXELS, &sequence, nullptr, 0), LK_OK);
  return sequence;
}

uint32_t sequences_alive() {
  lk_counters counters{};
  lk_engine_counters(g_engine, &counters, sizeof counters);
  return counters.sequences;
}

void without_any() {
  const Picture frame = waves(160, 120);
  const lk_job job = job_on(frame);
  lk_job in_time = job;
  in_time.deadline_ms = 60000;
  lk_sequence* sequence = open();
  lk_completion done;
  for (int i = 0; i < 3; ++i) {
    CHECK_EQUAL(lk_queue_submit(g_queue, sequence, &job, nullptr), LK_OUT_OF_MEMORY);
    CHECK_EQUAL(lk_queue_submit(g_queue, sequence, &in_time, nullptr), LK_OUT_OF_MEMORY);
    CHECK_EQUAL(lk_queue_poll(g_queue, &done, 1), 0u);
    // Nobody keeps the time; else the caller does the work.
    CHECK_EQUAL(run(sequence, in_time, done), LK_OUT_OF_MEMORY);
    CHECK(std::strstr(done.error, "thread"));
    CHECK_EQUAL(run(sequence, job, done), LK_OK);
  }
  lk_sequence_destroy(sequence);
  CHECK_EQUAL(sequences_alive(), 0u);  // ended by the call
}

// Work that would give way to others goes on, for the thread is its own.
void with_a_single_one() {
  g_threads_left = 1;
  const int refused = g_refused;
  const Picture heavy = noise(640, 480, 1), light = waves(160, 120);
  constexpr uint32_t kPoints = 5000, kSequences = 5, kJobs = 3 * kSequences + 1;
  std::vector<float> points(2 * kPoints, 100), next(2 * kPoints), errors(kPoints);
  std::vector<uint8_t> status(kPoints);
  lk_completion done;
  lk_sequence* working = open();
  CHECK_EQUAL(run(working, job_on(heavy), done), LK_OK);
  lk_job job = job_on(heavy);
  job.flow = {63, 63, 8, 100, 0, 0, 0};
  job.points = {points.data(), nullptr, next.data(), status.data(),
                errors.data(), nullptr, kPoints,     0};
  CHECK_EQUAL(lk_queue_submit(g_queue, working, &job, nullptr), LK_OK);
  lk_sequence* others[kSequences];
  for (auto& other : others) {
    other = open();
    const lk_job small = job_on(light);
    for (int i = 0; i < 3; ++i)
      CHECK_EQUAL(lk_queue_submit(g_queue, other, &small, nullptr), LK_OK);
  }
  lk_sequence_destroy(open());  // waits for the thread, too
  uint32_t count = 0;
  wait_until([&] {
    for (; lk_queue_poll(g_queue, &done, 1) > 0; ++count) CHECK_EQUAL(done.status, LK_OK);
    return count == kJobs;
  });
  CHECK_EQUAL(count, kJobs);
  CHECK(g_refused > refused);  // more were wanted
  lk_sequence_destroy(working);
  for (lk_sequence* other : others) lk_sequence_destroy(other);
  wait_until([] { return sequences_alive() == 0; });
  CHECK_EQUAL(sequences_alive(), 0u);
}

}  // namespace

int main() {
  if (lk_engine_create("cpu", nullptr, &g_engine, nullptr, 0) ||
      lk_queue_create(&g_queue, nullptr, 0))
    return 1;
  without_any();
  with_a_single_one();
  lk_queue_destroy(g_queue);
  lk_engine_destroy(g_engine);
  return finish("test_no_threads");
}
