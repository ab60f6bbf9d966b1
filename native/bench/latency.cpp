// How long it takes from a cancel, or from a deadline, to the completion, in the cases
// where the engine works longest between two looks at whether to go on.
//
//   bench_latency [--rounds N]
//
// The library promises about 10 ms for a cancel and 20 ms for a deadline, on cores that
// have nothing else to do. The work that is done after a cancel, in ms of CPU time, tells
// the same on busy ones.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "calls.h"
#include "lkstream.h"
#include "pictures.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kWidth = 3840, kHeight = 2160;
const lk_flow_options kPlain{21, 21, 3, 30, 0.01f, 1e-4f, 0};

int g_rounds = 30;

void expect(int32_t status, int32_t wanted) {
  if (status == wanted) return;
  std::fprintf(stderr, "Status %d, not %d: %s\n", status, wanted, last_error().c_str());
  std::exit(2);
}

double cpu_ms() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) * 1e3 + double(now.tv_nsec) / 1e6;
}

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

lk_image view_of(const Picture& p) {
  return grey_image(p.pixels.data(), uint32_t(p.width), uint32_t(p.height), uint32_t(p.width));
}

struct Pause {
  double median, most, work;
  int missed;  // jobs that were done before
};

// From the moment `end` names to the completion, with a new sequence each time.
template <class Prepare>
void measure(const char* variant, const char* name, const Prepare& prepare, const lk_job& asked) {
  lk_engine* engine = nullptr;
  lk_queue* queue = nullptr;
  expect(lk_engine_create("cpu", variant, &engine, nullptr, 0), LK_OK);
  expect(lk_queue_create(&queue, nullptr, 0), LK_OK);
  lk_sequence* whole = nullptr;
  expect(lk_sequence_create(engine, LK_MAX_PIXELS, &whole, nullptr, 0), LK_OK);
  prepare(whole);
  // How long the job takes by itself, as far as that matters: it is stopped anywhere in it.
  lk_job job = asked;
  job.deadline_ms = 1000;
  lk_completion done;
  const auto start = Clock::now();
  lk_sequence_run(whole, &job, nullptr, &done);
  const double takes = std::min(1000., ms_since(start));
  lk_sequence_destroy(whole);

  const auto pause = [&](bool by_deadline) {
    std::vector<double> pauses;
    double work = 0;
    int missed = 0;
    Random random(1);
    for (int i = 0; i < g_rounds; ++i) {
      lk_sequence* sequence = nullptr;
      expect(lk_sequence_create(engine, LK_MAX_PIXELS, &sequence, nullptr, 0), LK_OK);
      prepare(sequence);
      const auto after = std::chrono::milliseconds(1 + random.below(std::max(1, int(takes))));
      job.deadline_ms = by_deadline ? uint32_t(after.count()) : 0;
      auto began = Clock::now();
      double worked = 0;
      expect(lk_queue_submit(queue, sequence, &job, nullptr), LK_OK);
      if (by_deadline) {
        began += after;
      } else {
        std::this_thread::sleep_for(after);
        began = Clock::now();
        worked = cpu_ms();
        lk_sequence_cancel(sequence);
      }
      lk_queue_wait(queue, &done, 1);
      if (done.status == LK_CANCELLED) work = std::max(work, cpu_ms() - worked);
      if (done.status == LK_OK)
        ++missed;
      else
        pauses.push_back(ms_since(began));
      lk_sequence_destroy(sequence);
    }
    std::sort(pauses.begin(), pauses.end());
    if (pauses.empty()) pauses.push_back(0);
    return Pause{pauses[pauses.size() / 2], pauses.back(), work, missed};
  };
  const Pause cancel = pause(false), deadline = pause(true);
  std::printf("%-9s %-34s %8.0f  %7.2f  %7.2f %7.2f  %7.2f %7.2f  %3d\n", variant, name, takes,
              cancel.work, cancel.median, cancel.most, deadline.median, deadline.most,
              cancel.missed + deadline.missed);
  std::fflush(stdout);
  lk_queue_destroy(queue);
  lk_engine_destroy(engine);
}

}  // namespace

int main(int count, char** arguments) {
  for (int i = 1; i + 1 < count; ++i)
    if (std::strcmp(arguments[i], "--rounds") == 0) g_rounds = std::atoi(arguments[i + 1]);
  std::printf("%-9s %-34s %8s  %7s  %15s  %15s  %s\n", "", "", "job", "work", "after a cancel",
              "after a deadline", "done");
  std::printf("%-9s %-34s %8s  %7s  %7s %7s  %7s %7s  %s\n", "", "", "ms", "most", "median", "most",
              "median", "most", "before");

  const Picture first = noise(640, 480, 1), second = noise(640, 480, 2);
  const Picture large = noise(kWidth, kHeight, 3), smooth = waves(kWidth, kHeight);
  const auto progressive = jpeg_of(smooth, Jpeg::kProgressive, 95);
  const auto scans = many_scans(smooth);
  constexpr uint32_t kPoints = 10000;
  std::vector<float> points, next(2 * kPoints), errors(kPoints), back(kPoints);
  std::vector<uint8_t> status(kPoints);
  Random random(5);
  for (uint32_t i = 0; i < kPoints; ++i) {
    points.push_back(random.uniform(0, 640));
    points.push_back(random.uniform(0, 480));
  }
  const lk_points lists{points.data(), nullptr,     next.data(), status.data(),
                        errors.data(), back.data(), kPoints,     0};
  std::vector<float> corners(2000000);
  const lk_corners room{nullptr, corners.data(), nullptr, 0, 1000000};
  const auto nothing = [](lk_sequence*) {};
  const auto take = [](const Picture& picture) {
    return [&picture](lk_sequence* sequence) {
      lk_completion done;
      expect(run(sequence, advance_job(view_of(picture), kPlain), done), LK_OK);
    };
  };
  const auto jpeg = [](const std::vector<uint8_t>& file) {
    return advance_job(jpeg_image(file.data(), uint32_t(file.size())), kPlain);
  };
  for (const char* variant : {"portable", "avx2"}) {
    measure(variant, "10,000 windows of 63 x 63", take(first),
            advance_job(view_of(second), {63, 63, 8, 100, 0, 0, 0}, lists));
    measure(variant, "corners of 4K, block 31, Sobel 7", take(large),
            detect_job({0, 1e-6f, 1, 31, 7, 0, 0.04f}, room));
    measure(variant, "corners of 4K, block 3", take(large),
            detect_job({0, 1e-6f, 1, 3, 3, 0, 0.04f}, room));
    measure(variant, "first pyramid of 4K", take(large), advance_job(view_of(smooth), kPlain));
    measure(variant, "first frame of 4K", nothing, advance_job(view_of(smooth), kPlain));
    measure(variant, "progressive JPEG of 4K", nothing, jpeg(progressive));
    measure(variant, "the same in 64 scans", nothing, jpeg(scans));
  }
}
