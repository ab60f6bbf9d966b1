// The CPU engine: sequences of two pyramids that change places, and the
// functions that need no sequence.
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>
#include <vector>

#include "../engine.h"
#include "../error.h"
#include "../jpeg.h"
#include "../levels.h"
#include "../stopwatch.h"
#include "corners.h"
#include "kernels.h"
#include "pyramid.h"

namespace lk {
namespace {

// Follows points between two pyramids, and back.
class Follower {
 public:
  void follow(Pyramid& prev, Pyramid& next, const FlowRequest& request, const Kernels& kernels) {
    const auto& o = request.options;
    const int top = usable_levels(prev.width(), prev.height(), int(o.win_width),
                                  int(o.win_height), int(o.max_level));
    prev.build(top, int(o.win_width), int(o.win_height), kernels);
    next.build(top, int(o.win_width), int(o.win_height), kernels);
    FlowTask task{prev.levels(),
                  next.levels(),
                  top,
                  int(o.win_width),
                  int(o.win_height),
                  int(o.max_count),
                  o.epsilon,
                  o.min_eig_threshold,
                  (o.flags & LK_FLOW_GET_MIN_EIGENVALS) != 0};
    points_.resize(request.n);
    if (request.fb_distances) guessed_.resize(2 * size_t(request.n));
    for (uint32_t i = 0; i < request.n; ++i) {
      const float* p = request.points + 2 * i;
      const float* guess = request.guesses ? request.guesses + 2 * i : p;
      points_[i] = {p[0], p[1], guess[0], guess[1], 0, 0};
      if (request.fb_distances)
        guessed_[2 * i] = guess[0] - p[0], guessed_[2 * i + 1] = guess[1] - p[1];
    }
    kernels.follow(task, points_.data(), points_.size());
    for (uint32_t i = 0; i < request.n; ++i) {
      request.next_points[2 * i] = points_[i].next_x;
      request.next_points[2 * i + 1] = points_[i].next_y;
      request.status[i] = points_[i].status;
      request.errors[i] = points_[i].error;
    }
    if (request.fb_distances) follow_back(task, request, kernels);
  }

 private:
  void follow_back(FlowTask task, const FlowRequest& request, const Kernels& kernels) {
    std::swap(task.prev, task.next);
    task.get_min_eigenvals = true;  // spares the grey-level difference
    size_t tracked = 0;
    for (uint32_t i = 0; i < request.n; ++i) {
      if (request.status[i] != LK_TRACKED) continue;
      const float x = request.next_points[2 * i], y = request.next_points[2 * i + 1];
      points_[tracked++] = {x, y, x - guessed_[2 * i], y - guessed_[2 * i + 1], 0, 0};
    }
    kernels.follow(task, points_.data(), tracked);
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

class CpuSequence final : public Sequence {
 public:
  CpuSequence(const Kernels& kernels, JpegCounters& jpegs, uint32_t max_pixels)
      : kernels_(kernels), jpegs_(jpegs), max_pixels_(max_pixels) {}

  void advance_jpeg(const uint8_t* jpeg, size_t bytes, const FlowRequest& request,
                    lk_frame& frame) override {
    const Stopwatch watch;
    const auto size = decoder_.open(jpeg, bytes, max_pixels_);
    incoming_.resize(int(size.width), int(size.height));
    decoder_.decode(incoming_.pixels(), size_t(incoming_.levels()[0].stride));
    ++jpegs_.on_cpu;
    advance(request, watch.ms(), frame);
  }

  void advance_grey(const Image& image, const FlowRequest& request, lk_frame& frame) override {
    const Stopwatch watch;
    incoming_.copy_from(image);
    advance(request, watch.ms(), frame);
  }

  void detect(const DetectRequest& request) override {
    corners_.detect(current_.levels()[0], request, kernels_);
  }

  void reset() override { has_frame_ = false; }
  int width() const override { return has_frame_ ? current_.width() : 0; }
  int height() const override { return has_frame_ ? current_.height() : 0; }

 private:
  void advance(const FlowRequest& request, float decode_ms, lk_frame& frame) {
    const Stopwatch watch;
    const bool reset = !has_frame_ || incoming_.width() != current_.width() ||
                       incoming_.height() != current_.height();
    if (!reset) follower_.follow(current_, incoming_, request, kernels_);
    std::swap(current_, incoming_);
    has_frame_ = true;
    frame = {uint32_t(current_.width()), uint32_t(current_.height()), reset, decode_ms,
             watch.ms()};
  }

  const Kernels& kernels_;
  JpegCounters& jpegs_;
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
    return std::make_unique<CpuSequence>(kernels_, jpegs, max_pixels);
  }

  void optical_flow(const Image& prev, const Image& next,
                    const FlowRequest& request) const override {
    Pyramid pyramids[2];
    pyramids[0].copy_from(prev);
    pyramids[1].copy_from(next);
    Follower().follow(pyramids[0], pyramids[1], request, kernels_);
  }

  void good_features(const Image& image, const DetectRequest& request) const override {
    CornerDetector().detect(image, request, kernels_);
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
