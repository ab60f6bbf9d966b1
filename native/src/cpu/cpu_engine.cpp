// The CPU engine: sequences of two pyramids that change places.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>
#include <vector>

#include "../engine.h"
#include "../error.h"
#include "../jpeg.h"
#include "../levels.h"
#include "../scheduler.h"
#include "../stopwatch.h"
#include "../take_window.h"
#include "corners.h"
#include "kernels.h"
#include "pyramid.h"

namespace lk {
namespace {

// Follows points between two pyramids, and back.
class Follower {
 public:
  void follow(Pyramid& prev, Pyramid& next, const FlowRequest& request, const Kernels& kernels,
              Turn& turn) {
    const auto& o = request.options;
    const int top = usable_levels(prev.width(), prev.height(), o);
    prev.build(top, int(o.win_width), int(o.win_height), kernels, turn);
    next.build(top, int(o.win_width), int(o.win_height), kernels, turn);
    const FlowTask task{prev.levels(), next.levels(), top, o};
    points_.resize(request.n);
    if (request.fb_distances) guessed_.resize(2 * size_t(request.n));
    for (uint32_t i = 0; i < request.n; ++i) {
      const float* p = request.points + 2 * i;
      const float* guess = request.guesses ? request.guesses + 2 * i : p;
      points_[i] = {p[0], p[1], guess[0], guess[1], 0, 0};
      if (request.fb_distances)
        guessed_[2 * i] = guess[0] - p[0], guessed_[2 * i + 1] = guess[1] - p[1];
    }
    search(task, points_.size(), kernels, turn);
    for (uint32_t i = 0; i < request.n; ++i) {
      request.next_points[2 * i] = points_[i].next_x;
      request.next_points[2 * i + 1] = points_[i].next_y;
      request.status[i] = points_[i].status;
      request.errors[i] = points_[i].error;
    }
    if (request.fb_distances) follow_back(task, request, kernels, turn);
  }

 private:
  // The first n of the points; they are looked after between any few of them.
  void search(const FlowTask& task, size_t n, const Kernels& kernels, Turn& turn) {
    constexpr size_t kFew = 16;
    for (size_t i = 0; i < n; i += kFew) {
      turn.look();
      kernels.follow(task, points_.data() + i, std::min(kFew, n - i));
    }
  }

  void follow_back(FlowTask task, const FlowRequest& request, const Kernels& kernels,
                   Turn& turn) {
    std::swap(task.prev, task.next);
    task.options.flags |= LK_FLOW_GET_MIN_EIGENVALS;  // spares the grey-level difference
    size_t tracked = 0;
    for (uint32_t i = 0; i < request.n; ++i) {
      if (request.status[i] != LK_TRACKED) continue;
      const float x = request.next_points[2 * i], y = request.next_points[2 * i + 1];
      points_[tracked++] = {x, y, x - guessed_[2 * i], y - guessed_[2 * i + 1], 0, 0};
    }
    search(task, tracked, kernels, turn);
    const FlowPoint* back = points_.data();
    for (uint32_t i = 0; i < request.n; ++i) {
      float& distance = request.fb_distances[i];
      if (request.status[i] != LK_TRACKED) {
        distance = std::numeric_limits<float>::quiet_NaN();
        continue;
      }
      distance = back->status == LK_TRACKED
                     ? std::hypot(back->next_x - request.points[2 * i],
                                  back->next_y - request.points[2 * i + 1])
                     : std::numeric_limits<float>::infinity();
      ++back;
    }
  }

  std::vector<FlowPoint> points_;
  std::vector<float> guessed_;  // motion
};

// Windows between two looks: some hundred microseconds.
constexpr uint32_t kFewWindows = 16;

class CpuSequence final : public Sequence {
 public:
  CpuSequence(const Kernels& kernels, std::shared_ptr<Counters> counters, uint32_t max_pixels)
      : kernels_(kernels), counters_(std::move(counters)), max_pixels_(max_pixels) {}

  bool run(const JobPtr& job) override {
    switch (job->ask.kind) {
      case LK_ADVANCE: advance(*job); break;
      case LK_DETECT: detect(*job); break;
      case LK_TAKE: take(*job); break;
      default: compare(*job);
    }
    return true;
  }

  void reset() override { has_frame_ = false; }
  int width() const override { return has_frame_ ? current_.width() : 0; }
  int height() const override { return has_frame_ ? current_.height() : 0; }
  Scheduler& scheduler() const override { return Scheduler::cpu(); }

 private:
  void advance(Job& job) {
    const Stopwatch decoding;
    if (job.is_jpeg())
      decode(job);
    else
      incoming_.copy_from(job.grey(), job.turn);
    const float decode_ms = decoding.ms();
    const Stopwatch tracking;
    const bool reset = !has_frame_ || incoming_.width() != current_.width() ||
                       incoming_.height() != current_.height();
    if (!reset) follower_.follow(current_, incoming_, job.flow, kernels_, job.turn);
    std::swap(current_, incoming_);
    has_frame_ = true;
    job.done.frame = {uint32_t(current_.width()), uint32_t(current_.height()), reset, decode_ms,
                      tracking.ms()};
  }

  void decode(Job& job) {
    const auto size = decoder_.open(job.ask.image.data, job.ask.image.bytes, max_pixels_);
    incoming_.resize(int(size.width), int(size.height));
    decoder_.decode(incoming_.pixels(), size_t(incoming_.levels()[0].stride), job.turn);
    ++counters_->jpegs_on_cpu;
  }

  void detect(Job& job) {
    const Stopwatch watch;
    corners_.detect(current_.levels()[0], job.detect, kernels_, job.turn);
    job.done.detected.detect_ms = watch.ms();
  }

  void take(Job& job) {
    const Stopwatch watch;
    const lk_windows& w = job.windows.lists;
    for (uint32_t i = 0; i < w.n; ++i) {
      if (i % kFewWindows == 0) job.turn.look();
      take_window(current_.levels()[0], w.points[2 * i], w.points[2 * i + 1], int(w.win_width),
                  int(w.win_height), job.windows.window(i));
    }
    job.done.frame.track_ms = watch.ms();
  }

  void compare(Job& job) {
    const Stopwatch watch;
    const lk_windows& w = job.windows.lists;
    const CompareTask task{&current_.levels()[0], int(w.win_width), int(w.win_height)};
    for (uint32_t from = 0; from < w.n; from += kFewWindows) {
      job.turn.look();
      const uint32_t count = std::min(kFewWindows, w.n - from);
      ComparePoint points[kFewWindows];
      for (uint32_t k = 0; k < count; ++k) {
        const uint32_t i = from + k;
        const float *at = w.points + 2 * i, *found = w.found + 2 * i;
        points[k] = {job.windows.window(i), at[0], at[1], found[0], found[1], {}, 0};
        std::copy_n(w.warps + 6 * i, 6, points[k].warp);
      }
      kernels_.compare(task, points, count);
      for (uint32_t k = 0; k < count; ++k) {
        std::copy_n(points[k].warp, 6, w.warps + 6 * (from + k));
        w.residuals[from + k] = points[k].residual;
      }
    }
    job.done.frame.track_ms = watch.ms();
  }

  const Kernels& kernels_;
  const std::shared_ptr<Counters> counters_;
  const uint32_t max_pixels_;
  bool has_frame_ = false;
  Pyramid current_, incoming_;
  JpegDecoder decoder_;
  Follower follower_;
  CornerDetector corners_;
};

class CpuEngine final : public Engine {
 public:
  explicit CpuEngine(const Kernels& kernels) : kernels_(kernels) {}

  std::unique_ptr<Sequence> open(uint32_t max_pixels) const override {
    return std::make_unique<CpuSequence>(kernels_, counters, max_pixels);
  }

 private:
  const Kernels& kernels_;
};

std::string cpu_model() {
  std::string model = "CPU";
  if (std::FILE* file = std::fopen("/proc/cpuinfo", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, file)) {
      std::string text = line;
      if (text.rfind("model name", 0) != 0) continue;
      const size_t start = text.find(": ");
      if (start == std::string::npos) continue;
      model = text.substr(start + 2, text.find('\n') - start - 2);
      break;
    }
    std::fclose(file);
  }
  return model;
}

}  // namespace

std::shared_ptr<Engine> create_cpu_engine(const std::string& variant) {
  std::string known;
  for (const Kernels* const* k = kKernels; *k; ++k) {
    const std::string name = (*k)->variant;
    if (!known.empty()) known += ", ";
    known += name;
    if (variant.empty() ? !(*k)->runs_here() : variant != name) continue;
    if (!(*k)->runs_here())
      fail(LK_UNAVAILABLE, "Cannot use the CPU variant %s: this CPU does not have it.",
           name.c_str());
    auto engine = std::make_shared<CpuEngine>(**k);
    engine->name = "cpu";
    engine->device = cpu_model();
    engine->variant = name;
    return engine;
  }
  fail(LK_UNAVAILABLE, "Cannot use the CPU variant \"%.40s\": it must be one of %s.",
       variant.c_str(), known.c_str());
}

}  // namespace lk
