// What the CUDA kernels do, by the CPU: in the place of corners.cu, follow.cu, luma.cu,
// pyramid.cu and windows.cu. A pyramid has its level 0 only; the rest is made where it is needed.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "../../src/cpu/corners.h"
#include "../../src/cpu/kernels.h"
#include "../../src/cpu/pyramid.h"
#include "../../src/cuda/corners.h"
#include "../../src/cuda/follow.h"
#include "../../src/cuda/luma.h"
#include "../../src/cuda/pyramid.h"
#include "../../src/cuda/windows.h"
#include "../luma_on_cpu.h"
#include "fake_cuda.h"

namespace lk::cuda {
namespace {

const Kernels& kernels() {
  const Kernels* const* k = kKernels;
  while (!(*k)->runs_here()) ++k;
  return **k;
}

Image view(const DeviceImage& image) {
  return {image.d_pixels, image.width, image.height, image.pitch};
}

void follow(const FollowTask& t) {
  Turn turn;
  lk::Pyramid prev, next;
  prev.copy_from(view(t.prev[0]), turn);
  next.copy_from(view(t.next[0]), turn);
  for (lk::Pyramid* p : {&prev, &next})
    p->build(t.top_level, int(t.options.win_width), int(t.options.win_height), kernels(), turn);
  const FlowTask task{prev.levels(), next.levels(), t.top_level, t.options};
  const uint32_t size = points_of_group(t.options);
  for (uint32_t i = 0; i < t.groups * size; ++i) {
    const GroupIn& group = t.in[i / size];
    if (i % size >= group.n) continue;
    const PointIn in = group.points[i % size];
    FlowPoint there{in.x, in.y, in.guess_x, in.guess_y, 0, 0};
    kernels().follow(task, &there, 1);
    float distance = t.back ? std::numeric_limits<float>::quiet_NaN() : 0;
    if (t.back && there.status == LK_TRACKED) {
      FlowTask back = task;
      std::swap(back.prev, back.next);
      back.options.flags |= LK_FLOW_GET_MIN_EIGENVALS;
      const float x = there.next_x, y = there.next_y;
      FlowPoint b{x, y, x - (in.guess_x - in.x), y - (in.guess_y - in.y), 0, 0};
      kernels().follow(back, &b, 1);
      distance = b.status == LK_TRACKED ? std::hypot(b.next_x - in.x, b.next_y - in.y)
                                        : std::numeric_limits<float>::infinity();
    }
    PointOut& out = t.out[i];
    out.x = there.next_x, out.y = there.next_y, out.error = there.error;
    const uint32_t stamp = stamp_of(group.number, there.status);
    __atomic_store_n(&out.stamp, stamp, __ATOMIC_RELEASE);
    out.fb_distance = distance;
    __atomic_store_n(&out.same_stamp, stamp, __ATOMIC_RELEASE);
  }
}

// All candidates of an image, strongest first.
void pick(const PickTask& t, const ScoreTask& scores) {
  const size_t pixels = size_t(t.width) * size_t(t.height);
  lk_detect_options options = scores.options;
  options.max_corners = 0, options.min_distance = 0;
  std::vector<float> corners(2 * pixels), found(pixels);
  uint32_t count = 0;
  DetectRequest request{};
  request.options = options;
  if (t.d_mask) request.mask = {t.d_mask, t.width, t.height, t.width};
  request.corners = corners.data();
  request.scores = found.data();
  request.capacity = uint32_t(pixels);
  request.count = &count;
  Turn turn;
  lk::CornerDetector().detect(view(scores.image), request, kernels(), turn);
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, &found[i], 4);
    const auto at = uint32_t(corners[2 * i + 1]) * uint32_t(t.width) + uint32_t(corners[2 * i]);
    const Candidate candidate = Candidate(bits) << 32 | at;
    if (i < t.capacity) t.d_sorted[i] = candidate;
    if (i < t.first_count) t.first[i] = candidate;
  }
  *t.summary = {0, count, 0};
}

void take(const TakeTask& t) {
  for (uint32_t i = 0; i < t.n; ++i)
    for (int k = 0; k < t.columns * t.rows; ++k) {
      const TopLeft c = t.corners[i];
      t.d_windows[i * uint32_t(t.columns * t.rows) + uint32_t(k)] =
          c.x < 0 ? 0 : view(t.image).row(c.y + k / t.columns)[c.x + k % t.columns];
    }
}

void compare(const CompareWindowsTask& t) {
  const Image image = view(t.image);
  const size_t bytes = size_t(t.win_width + LK_WINDOW_MARGIN) * size_t(t.win_height + LK_WINDOW_MARGIN);
  for (uint32_t i = 0; i < t.n; ++i) {
    const CompareIn& in = t.in[i];
    ComparePoint p{t.d_windows + i * bytes, in.x, in.y, in.found_x, in.found_y, {}, 0};
    std::memcpy(p.warp, in.warp, sizeof p.warp);
    kernels().compare({&image, t.win_width, t.win_height}, &p, 1);
    std::memcpy(t.out[i].warp, p.warp, sizeof p.warp);
    t.out[i].residual = p.residual;
  }
}

void start_luma(const LumaTask& task, cudaStream_t stream) {
  fake_cuda::enqueue(stream, [task] {
    LumaOnCpu decoder(task.frame, task.d_tables, reinterpret_cast<const uint32_t*>(task.d_cut));
    const bool even = decoder.decode(task.to.d_pixels, size_t(task.to.pitch));
    __atomic_store_n(task.verdict, even ? LumaDecoder::kEven : LumaDecoder::kUneven,
                     __ATOMIC_RELEASE);
  });
}

void start_follow(const FollowTask& task, cudaStream_t stream) {
  fake_cuda::enqueue(stream, [task] { follow(task); });
}

struct TakeImage {
  Image from;
  DeviceImage to;
};

void start_take_image(const TakeImage& task, cudaStream_t stream) {
  fake_cuda::enqueue(stream, [task] {
    for (int y = 0; y < task.to.height; ++y)
      std::memcpy(task.to.d_pixels + y * task.to.pitch, task.from.row(y), size_t(task.to.width));
  });
}

thread_local ScoreTask last_scores;  // what launch_pick() is called right after

}  // namespace

bool search_waits() { return true; }
uint32_t points_of_group(const lk_flow_options&) { return 3; }

void add_luma(const LumaTask& task, bool, Launches& launches) { launches.add(start_luma, task); }
void add_follow(const FollowTask& task, bool, Launches& launches) {
  launches.add(start_follow, task);
}

void launch_take(const TakeTask& task, cudaStream_t stream) {
  fake_cuda::enqueue(stream, [task] { take(task); });
}

void launch_compare(const CompareWindowsTask& task, cudaStream_t stream) {
  fake_cuda::enqueue(stream, [task] { compare(task); });
}

void launch_scores(const ScoreTask& task, cudaStream_t) { last_scores = task; }

void launch_pick(const PickTask& task, cudaStream_t stream) {
  fake_cuda::enqueue(stream, [task, scores = last_scores] { pick(task, scores); });
}

void Pyramid::resize(int width, int height, cudaStream_t) {
  built_ = margin_ = 0;
  levels_[0] = {memory_.reserve(size_t(width) * size_t(height)), width, height, width};
}

void Pyramid::take(const DeviceImage& image, int, int, Launches& launches) {
  launches.add(start_take_image, TakeImage{view(image), levels_[0]});
}

void Pyramid::build(int, int, Launches&) {}

}  // namespace lk::cuda
