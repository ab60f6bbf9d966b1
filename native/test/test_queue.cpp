// Jobs through queues: in order, in turns, taken back, and closed at any moment.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "calls.h"
#include "check.h"
#include "lkstream.h"
#include "pictures.h"
#include "wait.h"

namespace {

constexpr uint32_t kHeavyPoints = 1000000;

const lk_flow_options kFlow{21, 21, 3, 30, 0.01f, 1e-4f, 0};
// Minutes of work for so many points.
const lk_flow_options kHeavyFlow{63, 63, 8, 100, 0, 0, 0};
const lk_detect_options kDetect{200, 0.01f, 8, 3, 3, 0, 0.04f};

lk_engine* g_engine;

// The lightest job.
const lk_job kForget = [] {
  lk_job job{};
  job.kind = LK_RESET;
  return job;
}();

struct Lists {
  std::vector<float> points, next, errors, back;
  std::vector<uint8_t> status;

  explicit Lists(std::vector<float> given)
      : points(std::move(given)),
        next(points.size()),
        errors(points.size() / 2),
        back(points.size() / 2),
        status(points.size() / 2) {}
  lk_points view() {
    return {points.data(), nullptr,     next.data(),             status.data(),
            errors.data(), back.data(), uint32_t(status.size()), 0};
  }
  bool operator==(const Lists&) const = default;
};

std::vector<float> some_points(uint32_t n, int width, int height) {
  std::vector<float> points;
  Random random(n);
  for (uint32_t i = 0; i < n; ++i) {
    points.push_back(random.uniform(0, float(width)));
    points.push_back(random.uniform(0, float(height)));
  }
  return points;
}

lk_image view_of(const Picture& p) {
  return grey_image(p.pixels.data(), uint32_t(p.width), uint32_t(p.height), uint32_t(p.width));
}

struct Sequence {
  lk_sequence* handle = nullptr;

  Sequence() {
    CHECK_EQUAL(lk_sequence_create(g_engine, LK_MAX_PIXELS, &handle, nullptr, 0), LK_OK);
  }
  Sequence(const Sequence&) = delete;
  ~Sequence() { lk_sequence_destroy(handle); }
};

struct Queue {
  lk_queue* handle = nullptr;

  Queue() { CHECK_EQUAL(lk_queue_create(&handle, nullptr, 0), LK_OK); }
  Queue(const Queue&) = delete;
  ~Queue() { lk_queue_destroy(handle); }

  int32_t submit(const Sequence& sequence, lk_job job, uint32_t tag, uint32_t deadline_ms = 0) {
    job.tag = tag;
    job.deadline_ms = deadline_ms;
    return lk_queue_submit(handle, sequence.handle, &job, nullptr);
  }
  lk_completion next() {
    lk_completion done{};
    CHECK_EQUAL(lk_queue_wait(handle, &done, 1), 1u);
    return done;
  }
};

const Picture& noisy() {
  static const Picture picture = noise(640, 480, 1);
  return picture;
}

// Work on points for minutes, in a sequence that has a frame.
struct Heavy {
  Sequence sequence;
  Lists lists{some_points(kHeavyPoints, 640, 480)};

  Heavy() {
    lk_completion done;
    CHECK_EQUAL(run(sequence.handle, advance_job(view_of(noisy()), kFlow), done), LK_OK);
  }
  lk_job job() { return advance_job(view_of(noisy()), kHeavyFlow, lists.view()); }
};

uint32_t sequences_alive() {
  lk_counters counters{};
  lk_engine_counters(g_engine, &counters, sizeof counters);
  return counters.sequences;
}

// ---- What comes back ----

void same_as_blocking() {
  const Picture frames[] = {waves(240, 180), waves(240, 180, 3.4, -2.2)};
  const auto points = some_points(100, 240, 180);
  Lists expected(points), found(points);
  lk_completion done;
  Sequence blocking;
  run(blocking.handle, advance_job(view_of(frames[0]), kFlow), done);
  CHECK_EQUAL(run(blocking.handle, advance_job(view_of(frames[1]), kFlow, expected.view()), done),
              LK_OK);
  std::vector<float> corners(400), same(400);
  CHECK_EQUAL(run(blocking.handle, detect_job(kDetect, {nullptr, corners.data(), nullptr, 0, 200}),
                  done),
              LK_OK);
  const uint32_t count = done.detected.count;

  Queue queue;
  Sequence submitted;
  queue.submit(submitted, advance_job(view_of(frames[0]), kFlow), 7);
  queue.submit(submitted, advance_job(view_of(frames[1]), kFlow, found.view()), 8);
  queue.submit(submitted, detect_job(kDetect, {nullptr, same.data(), nullptr, 0, 200}), 9);
  const lk_completion first = queue.next(), second = queue.next(), third = queue.next();
  CHECK(first.tag == 7 && first.status == LK_OK && first.frame.reset == 1);
  CHECK(second.tag == 8 && second.status == LK_OK && second.frame.reset == 0);
  CHECK_EQUAL(second.frame.width, 240u);
  CHECK(third.tag == 9 && third.status == LK_OK && third.detected.count == count);
  CHECK(expected == found);
  CHECK(corners == same);
}

void all_that_is_ready_comes_at_once_and_in_order() {
  constexpr uint32_t kJobs = 60, kSequences = 3;
  const Picture frame = waves(160, 120);
  Queue queue;
  Sequence sequences[kSequences];
  for (uint32_t i = 0; i < kJobs; ++i)
    CHECK_EQUAL(queue.submit(sequences[i % kSequences], advance_job(view_of(frame), kFlow), i),
                LK_OK);
  // When the last ones of all sequences have run, all the others are there.
  for (const Sequence& s : sequences) {
    lk_completion done;
    CHECK_EQUAL(run(s.handle, advance_job(view_of(frame), kFlow), done), LK_OK);
  }
  lk_completion done[2 * kJobs];
  uint32_t count = lk_queue_wait(queue.handle, done, 10);
  CHECK_EQUAL(count, 10u);
  count += lk_queue_poll(queue.handle, done + count, 2 * kJobs - count);
  CHECK_EQUAL(count, kJobs);
  CHECK_EQUAL(lk_queue_poll(queue.handle, done, 1), 0u);
  int64_t last[kSequences] = {-1, -1, -1};
  for (uint32_t i = 0; i < count; ++i) {
    CHECK(int64_t(done[i].tag) > last[done[i].tag % kSequences]);
    last[done[i].tag % kSequences] = done[i].tag;
  }
}

void what_is_wrong_is_said() {
  Queue queue;
  Sequence sequence;
  const Picture frame = waves(100, 80);
  lk_job job = advance_job(view_of(frame), kFlow);
  const auto expect = [&](int32_t status, const char* text) {
    const lk_completion done = queue.next();
    CHECK_EQUAL(done.status, status);
    CHECK_EQUAL(done.tag, 5u);
    CHECK(std::strstr(done.error, text));
    if (!std::strstr(done.error, text)) std::printf("%s, not %s\n", done.error, text);
  };
  const auto wrong = [&](auto change, const char* text) {
    lk_job changed = job;
    change(changed);
    CHECK_EQUAL(queue.submit(sequence, changed, 5), LK_OK);
    expect(LK_INVALID_ARGUMENT, text);
  };
  wrong([](lk_job& j) { j.kind = 9; }, "kind 9");
  wrong([](lk_job& j) { j.image.data = nullptr; }, "data");
  wrong([](lk_job& j) { j.image.bytes = 7999; }, "7999");
  wrong([](lk_job& j) { j.image.format = 2; }, "format 2");
  wrong([](lk_job& j) { j.image.unused = 3; }, "unused to 3");
  wrong([](lk_job& j) { j.points.unused = 3; }, "unused to 3");
  wrong([](lk_job& j) { j.unused = 3; }, "unused to 3");
  wrong([](lk_job& j) { j.points.n = 3; }, "points");
  wrong([](lk_job& j) { j.flow.max_count = 0; }, "max_count");
  wrong([](lk_job& j) { j.image.format = LK_JPEG; }, "JPEG of 100 x 80");
  const float place[2] = {};
  CHECK_EQUAL(queue.submit(sequence,
                           detect_job(kDetect, {place, nullptr, nullptr, 1, 0}), 5),
              LK_OK);
  expect(LK_NO_FRAME, "no frame");

  job.tag = 5;
  CHECK_EQUAL(lk_queue_submit(queue.handle, nullptr, &job, nullptr), LK_OK);
  expect(LK_INVALID_ARGUMENT, "null or destroyed");
  Sequence gone;
  lk_sequence_destroy(gone.handle);
  lk_sequence_destroy(gone.handle);
  lk_sequence_cancel(gone.handle);
  CHECK_EQUAL(lk_queue_submit(queue.handle, gone.handle, &job, nullptr), LK_OK);
  expect(LK_INVALID_ARGUMENT, "null or destroyed");
  lk_completion done;
  CHECK_EQUAL(lk_sequence_run(gone.handle, &job, nullptr, &done), LK_INVALID_ARGUMENT);
  CHECK(done.tag == 5 && done.status == LK_INVALID_ARGUMENT && std::strstr(done.error, "destroyed"));
  CHECK_EQUAL(lk_sequence_run(sequence.handle, nullptr, nullptr, &done), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(lk_sequence_run(sequence.handle, &job, nullptr, nullptr), LK_INVALID_ARGUMENT);

  CHECK_EQUAL(lk_queue_submit(queue.handle, sequence.handle, nullptr, nullptr),
              LK_INVALID_ARGUMENT);
  CHECK_EQUAL(lk_queue_submit(nullptr, sequence.handle, &job, nullptr), LK_INVALID_ARGUMENT);
  CHECK_EQUAL(lk_queue_wait(queue.handle, &done, 0), 0u);
  CHECK_EQUAL(lk_queue_poll(queue.handle, nullptr, 1), 0u);
  CHECK_EQUAL(lk_queue_create(nullptr, nullptr, 0), LK_INVALID_ARGUMENT);

  // The data may be given beside the job; a failed job leaves the sequence as it is.
  job.image.data = nullptr;
  CHECK_EQUAL(lk_queue_submit(queue.handle, sequence.handle, &job, frame.pixels.data()), LK_OK);
  CHECK_EQUAL(queue.next().status, LK_OK);
}

// ---- Turns ----

void heavy_ones_do_not_hold_a_light_one() {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::unique_ptr<Heavy>> heavies;
  Queue queue;
  for (unsigned i = 0; i < 2 * cores + 1; ++i) {
    heavies.push_back(std::make_unique<Heavy>());
    CHECK_EQUAL(queue.submit(heavies.back()->sequence, heavies.back()->job(), 1), LK_OK);
  }
  const Picture frame = waves(160, 120);
  Sequence light;
  for (uint32_t i = 0; i < 10; ++i) {
    queue.submit(light, advance_job(view_of(frame), kFlow), 100 + i);
    const lk_completion done = queue.next();
    CHECK_EQUAL(done.tag, 100 + i);
    CHECK_EQUAL(done.status, LK_OK);
  }
  for (const auto& heavy : heavies) lk_sequence_cancel(heavy->sequence.handle);
  for (size_t i = 0; i < heavies.size(); ++i) {
    const lk_completion done = queue.next();
    CHECK(done.tag == 1 && done.status == LK_CANCELLED);
  }
}

unsigned threads_named(const std::string& name) {
  unsigned count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "comm");
    std::string found;
    count += std::getline(file, found) && found == name;
  }
  return count;
}

// Work that is done at once, of which none gives way to the others: who paused would
// have a thread beyond the places. The first test, for such threads stay.
void threads_are_shared() {
  lk_engine* engines[4];
  for (auto& engine : engines) CHECK_EQUAL(lk_engine_create("cpu", "", &engine, nullptr, 0), LK_OK);
  Queue queues[4];
  lk_sequence* sequences[4] = {};
  for (int i = 0; i < 4; ++i) {
    CHECK_EQUAL(lk_sequence_create(engines[i], 1 << 20, &sequences[i], nullptr, 0), LK_OK);
    CHECK_EQUAL(lk_queue_submit(queues[i].handle, sequences[i], &kForget, nullptr), LK_OK);
    lk_engine_destroy(engines[i]);
    lk_engine_destroy(engines[i]);
  }
  for (auto& queue : queues) CHECK_EQUAL(queue.next().status, LK_OK);
  const unsigned count = threads_named("lk-cpu");
  CHECK(count > 0 && count <= std::max(1u, std::thread::hardware_concurrency()));
  for (lk_sequence* sequence : sequences) lk_sequence_destroy(sequence);
}

// Memory is not kept until a core is free: that may take minutes.
void a_sequence_ends_while_all_threads_work() {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  wait_until([] { return sequences_alive() == 0; });
  std::vector<std::unique_ptr<Heavy>> heavies;
  Queue queue;
  for (unsigned i = 0; i < cores; ++i) {
    heavies.push_back(std::make_unique<Heavy>());
    CHECK_EQUAL(queue.submit(heavies.back()->sequence, heavies.back()->job(), 1), LK_OK);
  }
  { Sequence light; }
  wait_until([&] { return sequences_alive() == cores; });
  CHECK_EQUAL(sequences_alive(), cores);
  lk_completion done;
  CHECK_EQUAL(lk_queue_poll(queue.handle, &done, 1), 0u);  // the others work on
}

// Each has its job done, whatever their number.
void ten_thousand_sequences() {
  constexpr uint32_t kSequences = 10000;
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<bool> is_done(kSequences);
  {
    Queue queue;
    for (uint32_t i = 0; i < kSequences; ++i) {
      sequences.push_back(std::make_unique<Sequence>());
      CHECK_EQUAL(queue.submit(*sequences.back(), kForget, i, 600000), LK_OK);
    }
    for (uint32_t i = 0; i < kSequences; ++i) {
      const lk_completion done = queue.next();
      CHECK_EQUAL(done.status, LK_OK);
      CHECK(!is_done[done.tag]);
      is_done[done.tag] = true;
    }
    // And are let go of with all of them at work or waiting.
    for (uint32_t i = 0; i < kSequences; ++i) queue.submit(*sequences[i], kForget, i);
  }
  sequences.clear();
  wait_until([] { return sequences_alive() == 0; });
  CHECK_EQUAL(sequences_alive(), 0u);
}

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
  threads_are_shared();
  a_sequence_ends_while_all_threads_work();
  same_as_blocking();
  all_that_is_ready_comes_at_once_and_in_order();
  what_is_wrong_is_said();
  heavy_ones_do_not_hold_a_light_one();
  ten_thousand_sequences();
  a_cancelled_job_ends();
  a_blocking_call_ends_too();
  deadlines_end_jobs();
  a_destroyed_sequence_completes();
  a_destroyed_queue_lets_go();
  a_queue_ends_while_wrong_jobs_come();
  a_wrong_job_wakes_who_waits();
  everything_at_once();
  lk_engine_destroy(g_engine);
  return finish("test_queue");
}
