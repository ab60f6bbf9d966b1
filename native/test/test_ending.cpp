// Jobs that are taken back, and handles that are closed at any moment.
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "queued.h"
#include "wait.h"

namespace {

// ---- Taken back ----

// Each job would take minutes; cancelled, it leaves the sequence as it was.
void a_cancelled_job_ends() {
  Heavy heavy;
  Queue queue;
  for (const int ms : {0, 1, 20}) {
    queue.submit(heavy.sequence, heavy.job(), 1);
    queue.submit(heavy.sequence, heavy.job(), 2);
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    lk_sequence_cancel(heavy.sequence.handle);
    for (int i = 0; i < 2; ++i) {
      const lk_completion done = queue.next();
      CHECK_EQUAL(done.status, LK_CANCELLED);
      CHECK(std::strstr(done.error, "cancelled"));
    }
  }
  Lists few({100, 100, 200, 200});
  queue.submit(heavy.sequence, advance_job(view_of(noisy()), kFlow, few.view()), 3);
  const lk_completion done = queue.next();
  CHECK_EQUAL(done.status, LK_OK);
  CHECK_EQUAL(done.frame.reset, 0u);
  CHECK(few.next == few.points);  // for it is the same picture
  lk_sequence_cancel(heavy.sequence.handle);
  lk_sequence_cancel(nullptr);
}

void a_blocking_call_ends_too() {
  Heavy heavy;
  std::atomic<bool> ended{false};
  std::thread caller([&] {
    lk_completion done;
    CHECK_EQUAL(run(heavy.sequence.handle, heavy.job(), done), LK_CANCELLED);
    ended = true;
  });
  while (!ended) lk_sequence_cancel(heavy.sequence.handle);
  caller.join();
}

// What takes long in each kind of job is looked after, or these would take minutes,
// or a second for the files.
void deadlines_end_jobs() {
  Queue queue;
  Heavy heavy;
  queue.submit(heavy.sequence, heavy.job(), 1, 20);
  lk_completion done = queue.next();
  CHECK(done.tag == 1 && done.status == LK_DEADLINE && std::strstr(done.error, "deadline"));

  const Picture large = noise(6000, 5000, 2);
  Sequence sequence;
  queue.submit(sequence, advance_job(view_of(large), kFlow), 2);
  CHECK_EQUAL(queue.next().status, LK_OK);
  std::vector<float> room(2 * 1000000);
  const lk_detect_options slow{0, 1, 1, 31, 7, 1, 0.04f};  // of which few are left to sort
  queue.submit(sequence, detect_job(slow, {nullptr, room.data(), nullptr, 0, 1000000}), 3, 1);
  CHECK_EQUAL(queue.next().status, LK_DEADLINE);

  const auto scans = many_scans(waves(4000, 4000));
  const lk_image file = jpeg_image(scans.data(), uint32_t(scans.size()));
  queue.submit(sequence, advance_job(file, kFlow), 4, 1);
  CHECK_EQUAL(queue.next().status, LK_DEADLINE);

  // Also of what waits, and of who calls.
  queue.submit(heavy.sequence, heavy.job(), 5);
  queue.submit(heavy.sequence, heavy.job(), 6, 20);
  done = queue.next();
  CHECK(done.tag == 6 && done.status == LK_DEADLINE);
  lk_sequence_cancel(heavy.sequence.handle);
  done = queue.next();
  CHECK(done.tag == 5 && done.status == LK_CANCELLED);
  lk_job job = heavy.job();
  job.deadline_ms = 20;
  CHECK_EQUAL(run(heavy.sequence.handle, job, done), LK_DEADLINE);

  // Who is in time is not concerned.
  const Picture small = waves(160, 120);
  queue.submit(sequence, advance_job(view_of(small), kFlow), 7, 600000);
  CHECK_EQUAL(queue.next().status, LK_OK);
}

// ---- Closed at any moment ----

void a_destroyed_sequence_completes() {
  wait_until([] { return sequences_alive() == 0; });
  Queue queue;
  {
    Heavy heavy;
    queue.submit(heavy.sequence, heavy.job(), 1);
    queue.submit(heavy.sequence, heavy.job(), 2);
    lk_sequence_destroy(heavy.sequence.handle);
    CHECK_EQUAL(queue.next().status, LK_CANCELLED);
    CHECK_EQUAL(queue.next().status, LK_CANCELLED);
  }
  wait_until([] { return sequences_alive() == 0; });
  CHECK_EQUAL(sequences_alive(), 0u);
}

void a_destroyed_queue_lets_go() {
  Sequence other;
  {
    Heavy heavy;
    Queue queue;
    std::thread waiting([&] {
      lk_completion done;
      CHECK_EQUAL(lk_queue_wait(queue.handle, &done, 1), 0u);
    });
    queue.submit(heavy.sequence, heavy.job(), 1);
    queue.submit(heavy.sequence, heavy.job(), 2);
    lk_queue_destroy(queue.handle);
    heavy.lists = Lists({});  // nobody uses them any more
    lk_queue_destroy(queue.handle);
    waiting.join();
    const lk_job job = heavy.job();
    CHECK_EQUAL(lk_queue_submit(queue.handle, heavy.sequence.handle, &job, nullptr),
                LK_INVALID_ARGUMENT);
    lk_completion done;
    CHECK_EQUAL(lk_queue_wait(queue.handle, &done, 1), 0u);
  }
  lk_queue_destroy(nullptr);
}

// A job for a sequence that is not there completes within the call: a queue that is
// destroyed meanwhile finds it whole, or not at all.
void a_queue_ends_while_wrong_jobs_come() {
  const lk_job job{};
  for (int round = 0; round < 200; ++round) {
    lk_queue* queue = nullptr;
    CHECK_EQUAL(lk_queue_create(&queue, nullptr, 0), LK_OK);
    std::atomic<int> submitted{0};
    std::thread other([&] {
      while (lk_queue_submit(queue, nullptr, &job, nullptr) == LK_OK) ++submitted;
    });
    while (submitted < round % 10) std::this_thread::yield();
    lk_queue_destroy(queue);
    other.join();
  }
}

void a_wrong_job_wakes_who_waits() {
  Queue queue;
  const lk_job job{};
  for (int round = 0; round < 100; ++round) {
    std::atomic<bool> waits{false}, is_told{false};
    std::thread waiting([&] {
      lk_completion done;
      waits = true;
      is_told = lk_queue_wait(queue.handle, &done, 1) == 1;
    });
    while (!waits) std::this_thread::yield();
    CHECK_EQUAL(lk_queue_submit(queue.handle, nullptr, &job, nullptr), LK_OK);
    waiting.join();
    CHECK(is_told);
  }
}

// Threads that submit, cancel, wait and destroy, all on the same handles.
void everything_at_once() {
  const Picture frame = waves(160, 120);
  const auto jpeg = jpeg_of(frame, Jpeg::kColour);
  for (int round = 0; round < 20; ++round) {
    lk_engine* engine = nullptr;
    lk_queue* queue = nullptr;
    lk_sequence* sequences[3] = {};
    CHECK_EQUAL(lk_engine_create("cpu", "", &engine, nullptr, 0), LK_OK);
    CHECK_EQUAL(lk_queue_create(&queue, nullptr, 0), LK_OK);
    for (auto& s : sequences) CHECK_EQUAL(lk_sequence_create(engine, 1 << 20, &s, nullptr, 0), LK_OK);
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&, t] {
        Random random(uint64_t(100 * round + t));
        const lk_image image = t ? view_of(frame) : jpeg_image(jpeg.data(), uint32_t(jpeg.size()));
        for (int i = 0; i < 40; ++i) {
          lk_job job = advance_job(image, kFlow);
          job.deadline_ms = uint32_t(random.below(3));
          lk_sequence* const sequence = sequences[random.below(3)];
          lk_queue_submit(queue, sequence, &job, nullptr);
          lk_completion done[4];
          if (random.below(4) == 0) lk_sequence_run(sequence, &job, nullptr, done);
          if (random.below(4) == 0) lk_sequence_cancel(sequence);
          lk_queue_poll(queue, done, 4);
          if (i > 20 && random.below(20) == 0) lk_sequence_destroy(sequence);
          if (i > 20 && random.below(30) == 0) lk_engine_destroy(engine);
          if (i > 20 && random.below(30) == 0) lk_queue_destroy(queue);
        }
      });
    threads.emplace_back([&] {
      lk_completion done[8];
      while (lk_queue_wait(queue, done, 8) > 0) {
      }
    });
    for (int t = 0; t < 3; ++t) threads[size_t(t)].join();
    lk_queue_destroy(queue);
    threads.back().join();
    for (auto& s : sequences) lk_sequence_destroy(s);
    lk_engine_destroy(engine);
  }
}

}  // namespace

int main() {
  if (lk_engine_create("cpu", nullptr, &g_engine, nullptr, 0)) return 1;
  a_cancelled_job_ends();
  a_blocking_call_ends_too();
  deadlines_end_jobs();
  a_destroyed_sequence_completes();
  a_destroyed_queue_lets_go();
  a_queue_ends_while_wrong_jobs_come();
  a_wrong_job_wakes_who_waits();
  everything_at_once();
  lk_engine_destroy(g_engine);
  return finish("test_ending");
}
