// Jobs through queues: in order, and in turns.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "queued.h"
#include "wait.h"

namespace {

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
  lk_engine_destroy(g_engine);
  return finish("test_queue");
}
