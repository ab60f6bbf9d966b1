#include "cuda_sequence.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include "../error.h"
#include "../jpeg.h"
#include "../levels.h"
#include "../stopwatch.h"
#include "follow.h"
#include "launches.h"
#include "luma.h"
#include "pending.h"
#include "pyramid.h"
#include "steady.h"
#include "stream.h"
#include "watcher.h"
#include "windows.h"

namespace lk::cuda {
namespace {

// Kernels count rows and columns of tiles in 16 bits, and bytes of a level in 32.
constexpr int kMaxSide = 65535;

// Of so many files, one that the GPU could not decode is the first, and is not tried again.
constexpr int kForLibjpeg = 16;

void check_sides(uint32_t width, uint32_t height) {
  if (width > kMaxSide || height > kMaxSide)
    fail(LK_FRAME_TOO_LARGE,
         "Cannot take a frame of %u x %u pixels: the engine cuda takes at most %d a side.", width,
         height, kMaxSide);
}

bool is_there(const PointOut& p, uint32_t task) {
  return is_stamp_of(task, __atomic_load_n(&p.stamp, __ATOMIC_ACQUIRE)) &&
         is_stamp_of(task, __atomic_load_n(&p.same_stamp, __ATOMIC_ACQUIRE));
}

bool is_pinned(const void* p) {
  cudaPointerAttributes attributes;
  return cudaPointerGetAttributes(&attributes, p) == cudaSuccess &&
         attributes.type == cudaMemoryTypeHost;
}

// A job of it is issued by the thread that runs it, which then goes on; the device's
// watcher hands out what comes back.
class CudaSequence final : public Sequence, private Flight {
 public:
  CudaSequence(std::shared_ptr<Device> device, std::shared_ptr<Counters> counters,
               uint32_t max_pixels)
      : device_(std::move(device)), counters_(std::move(counters)), max_pixels_(max_pixels) {
    ++device_->sequences;
  }

  ~CudaSequence() override {
    --device_->sequences;
    if (device_->is_silent()) {
      parts_.release();
    } else if (parts_) {
      cudaSetDevice(device_->id);
      parts_.reset();
    }
  }

  bool run(const JobPtr& job) override {
    device_->run([&] {
      if (!parts_) parts_.reset(new Parts);
      switch (job->ask.kind) {
        case LK_ADVANCE: issue(*job); break;
        case LK_DETECT: detect(*job); break;
        default: use_windows(*job);
      }
    });
    if (job->ask.kind != LK_ADVANCE) return true;
    job_ = job;
    device_->watcher.watch(*this, job->caller_waits);
    return false;
  }

  // A frame like the one before from pinned memory: nothing is to be copied here, and
  // nothing to be allocated.
  bool starts_at_once(const lk_job& job) const override {
    const lk_image& i = job.image;
    return job.kind == LK_ADVANCE && i.format == LK_GREY && job.points.n <= known_points_ &&
           (uint64_t(i.width) << 32 | i.height) == known_size_ && is_pinned(i.data);
  }

  void reset() override { has_frame_ = false; }
  int width() const override { return has_frame_ ? parts_->current.pyramid.width() : 0; }
  int height() const override { return has_frame_ ? parts_->current.pyramid.height() : 0; }
  Scheduler& scheduler() const override { return device_->scheduler; }

 private:
  // A frame, and where points are looked for in it: what the GPU reads of the frame
  // before is not written before that is done.
  struct Frame {
    Pyramid pyramid;
    PinnedBuffer<GroupIn> in;
  };
  // What must be made and released with the device set.
  struct Parts {
    Frame current, incoming;
    DeviceBuffer<uint8_t> landing;
    PinnedBuffer<uint8_t> staging;
    PinnedBuffer<PointOut> out;
    LumaDecoder luma;
    Windows windows;
    Launches launches;
    Stream stream;  // last: it ends before what it works on
  };

  void detect(Job& job) {
    const Stopwatch watch;
    device_->with_detector([&](CornerDetector& detector) {
      detector.detect(parts_->current.pyramid.levels()[0], job.detect, parts_->stream,
                      [&] { wait(job); });
    });
    job.done.detected.detect_ms = watch.ms();
  }

  void use_windows(Job& job) {
    const Stopwatch watch;
    const DeviceImage& image = parts_->current.pyramid.levels()[0];
    if (job.ask.kind == LK_TAKE)
      parts_->windows.take(image, job.windows, parts_->stream, [&] { wait(job); });
    else
      parts_->windows.compare(image, job.windows, parts_->stream, [&] { wait(job); });
    job.done.frame.track_ms = watch.ms();
  }

  // For the GPU, with the job left meanwhile.
  void wait(Job& job) {
    job.leave();
    device_->watcher.wait(parts_->stream, job.caller_waits);
    if (!job.enter()) fail(LK_CANCELLED, "Cannot finish the job: it was cancelled.");
  }

  // ---- What is given to the GPU ----

  // Takes what the caller has lent, leaves the job, and queues all of its work.
  void issue(Job& job) {
    watch_ = {};
    decodes_there_ = false;
    parts_->launches.clear();  // what a job left that failed
    uint32_t width = job.ask.image.width, height = job.ask.image.height;
    const bool for_gpu = job.is_jpeg() && is_for_gpu(job.ask.image);
    if (for_gpu) {
      width = scan_.frame.layout.width, height = scan_.frame.layout.height;
    } else if (job.is_jpeg()) {
      const auto size = open_here(job.ask.image);
      width = size.width, height = size.height;
    }
    check_sides(width, height);
    make_room(int(width), int(height));
    is_reset_ = !has_frame_ || int(width) != parts_->current.pyramid.width() ||
                int(height) != parts_->current.pyramid.height();
    follows_ = !is_reset_ && job.flow.n > 0;
    const lk_flow_options& options = job.flow.options;
    if (job.is_jpeg() && follows_) stage(job.flow);
    if (for_gpu) {
      if (!decode_there()) {
        for_libjpeg_ = 1;
        return issue(job);
      }
      job.leave();
    } else if (job.is_jpeg()) {
      job.leave();
      decode_here(job.turn);
    } else {
      upload(job.grey(), job.started_at_once || is_pinned(job.ask.image.data));
    }
    decode_ms_ = watch_.ms();
    watch_ = {};
    try {
      if (!job.is_jpeg()) {
        // While the frame is on the bus. The GPU still reads what was pinned when the
        // job is left: to free that memory waits for it.
        if (follows_) stage(job.flow);
        job.leave();
      }
      add_pyramids(options);
      if (follows_) add_search(options, job.flow.fb_distances != nullptr);
      parts_->launches.start(parts_->stream);
    } catch (...) {
      cudaStreamSynchronize(parts_->stream);  // what it was given is in use until then
      parts_->current.pyramid.forget();
      throw;
    }
  }

  // For a frame of this size, which is to be put into the landing.
  void make_room(int width, int height) {
    Parts& p = *parts_;
    p.incoming.pyramid.resize(width, height, p.stream);
    landing_ = {nullptr, width, height, (width + 127) & ~127};
    const size_t bytes = size_t(landing_.pitch) * size_t(height), before = p.landing.capacity();
    landing_.d_pixels = p.landing.reserve(bytes);
    // What lies between rows is read with them, though it counts for nothing.
    if (p.landing.capacity() != before)
      check(cudaMemsetAsync(landing_.d_pixels, 0, p.landing.capacity(), p.stream),
            "clear the landing");
  }

  // The points, and room for what becomes of them.
  void stage(const FlowRequest& request) {
    if (++task_ == kTasks) task_ = 1;
    const uint32_t size = points_of_group(request.options);
    groups_ = enough_groups_.enough_for((request.n + size - 1) / size);
    // Room for those of the next frame too, so that nothing is allocated for it.
    parts_->current.in.reserve(groups_);
    GroupIn* group = parts_->incoming.in.reserve(groups_);
    const float* const guesses = request.guesses ? request.guesses : request.points;
    for (uint32_t i = 0, left = groups_; left > 0; --left, ++group) {
      group->n = std::min(size, request.n - i);
      group->number = task_;
      for (uint32_t k = 0; k < group->n; ++k, ++i)
        group->points[k] = {request.points[2 * i], request.points[2 * i + 1], guesses[2 * i],
                            guesses[2 * i + 1]};
    }
    const size_t before = parts_->out.capacity();
    PointOut* out = parts_->out.reserve(request.n);
    // No stamp of long ago, or of what was there before, may look like the task's.
    if (task_ == 1 || parts_->out.capacity() != before)
      std::memset(static_cast<void*>(out), 0, parts_->out.capacity() * sizeof(PointOut));
    pending_.start(request.n);
  }

  // Whether the GPU may decode a file. After one that it could not there are others like
  // it, mostly: a camera's noise at full quality, say, is nothing that synchronises.
  bool is_for_gpu(const lk_image& file) {
    if (for_libjpeg_ > 0) return --for_libjpeg_, false;
    return scan_.open(file.data, file.bytes) &&
           uint64_t(scan_.frame.layout.width) * scan_.frame.layout.height <= max_pixels_;
  }

  // Adds that. False where the file is for libjpeg after all.
  bool decode_there() {
    Parts& p = *parts_;
    decodes_there_ = p.luma.add(scan_, landing_, device_->overlaps(), p.launches, p.stream);
    return decodes_there_;
  }

  // For libjpeg.
  JpegDecoder::Size open_here(const lk_image& file) {
    file_.assign(file.data, file.data + file.bytes);
    return decoder_.open(file_.data(), file_.size(), max_pixels_);
  }

  void decode_here(Turn& turn) {
    const size_t bytes = size_t(landing_.pitch) * size_t(landing_.height);
    uint8_t* staging = parts_->staging.reserve(bytes);
    decoder_.decode(staging, size_t(landing_.pitch), turn);
    check(cudaMemcpyAsync(landing_.d_pixels, staging, bytes, cudaMemcpyHostToDevice, parts_->stream),
          "copy the frame");
    ++counters_->jpegs_on_cpu;
  }

  // Pinned memory goes straight to the device. All other goes through pinned
  // staging, piece by piece, so that one piece is copied while the one before
  // is on the bus.
  void upload(const Image& image, bool is_pinned) {
    const size_t pitch = size_t(landing_.pitch), width = size_t(image.width);
    if (is_pinned && size_t(image.stride) == pitch && width == pitch) {
      check(cudaMemcpyAsync(landing_.d_pixels, image.data, pitch * size_t(image.height),
                            cudaMemcpyHostToDevice, parts_->stream),
            "copy the frame");
      return;
    }
    if (is_pinned) {
      check(cudaMemcpy2DAsync(landing_.d_pixels, pitch, image.data, size_t(image.stride), width,
                              size_t(image.height), cudaMemcpyHostToDevice, parts_->stream),
            "copy the frame");
      return;
    }
    constexpr size_t kPiece = 128 << 10;
    uint8_t* staging = parts_->staging.reserve(pitch * size_t(image.height));
    const int rows = int(std::max<size_t>(1, kPiece / pitch));
    for (int y = 0; y < image.height; y += rows) {
      const int end = std::min(y + rows, image.height);
      if (size_t(image.stride) == pitch && width == pitch) {
        std::memcpy(staging + size_t(y) * pitch, image.row(y), size_t(end - y) * pitch);
      } else {
        for (int i = y; i < end; ++i) std::memcpy(staging + size_t(i) * pitch, image.row(i), width);
      }
      check(cudaMemcpyAsync(landing_.d_pixels + size_t(y) * pitch, staging + size_t(y) * pitch,
                            size_t(end - y) * pitch, cudaMemcpyHostToDevice, parts_->stream),
            "copy the frame");
    }
  }

  int top_level(const lk_flow_options& o) const {
    return usable_levels(landing_.width, landing_.height, o);
  }

  // With the frame on its way to the landing.
  void add_pyramids(const lk_flow_options& o) {
    Parts& p = *parts_;
    const int top = top_level(o), window = int(std::max(o.win_width, o.win_height));
    // First, for the search waits for no kernel but the one right before it.
    if (follows_) p.current.pyramid.build(top, window, p.launches);
    p.incoming.pyramid.take(landing_, top, window, p.launches);
  }

  void add_search(const lk_flow_options& o, bool back) {
    Parts& p = *parts_;
    FollowTask task{{},    {}, top_level(o), o, back, groups_, p.incoming.in.data(), p.out.data()};
    std::copy_n(p.current.pyramid.levels(), kMaxLevels, task.prev);
    std::copy_n(p.incoming.pyramid.levels(), kMaxLevels, task.next);
    add_follow(task, device_->overlaps(), p.launches);
  }

  // ---- What comes back ----

  bool look() noexcept override {
    try {
      const auto verdict = this->verdict();
      const bool comes_back = follows_ && !is_dropped_;
      if (comes_back && verdict == LumaDecoder::kEven) {
        hand_out();
        if (pending_.empty()) return land(), true;
      }
      // What the memory does not tell, such as a failure, is asked for now and then.
      if (comes_back && verdict != LumaDecoder::kUneven) {
        if (watch_.ms() < asked_ms_ + 1) return false;
        asked_ms_ = watch_.ms();
      }
      if (!parts_->stream.has_ended()) return false;
      finish();
    } catch (const Error& error) {
      device_->judge(error);
      end(error.status, error.text.c_str());
    } catch (const std::exception& error) {
      end(LK_ENGINE_FAILED, error.what());
    }
    return true;
  }

  LumaDecoder::Verdict verdict() const {
    return decodes_there_ ? parts_->luma.verdict() : LumaDecoder::kEven;
  }

  // All that was queued is done.
  void finish() {
    const auto verdict = this->verdict();
    if (verdict == LumaDecoder::kUnknown)
      fail(LK_ENGINE_FAILED, "Cannot decode the JPEG: it did not come back.");
    if (verdict == LumaDecoder::kUneven && !is_dropped_) return run_again();
    if (follows_ && !is_dropped_) hand_out();
    if (follows_ && !is_dropped_ && !pending_.empty())
      fail(LK_ENGINE_FAILED, "Cannot track: points did not come back.");
    land();
  }

  // The sequence may be gone when this returns.
  void run_again() {
    for_libjpeg_ = kForLibjpeg;
    ++counters_->jpegs_refused;
    JobPtr job = release();
    try {
      device_->scheduler.again(job);
    } catch (...) {
      job_ = std::move(job);
      throw;
    }
  }

  void give_up() noexcept override {
    end(LK_ENGINE_FAILED, "Cannot finish the job: the GPU does not answer.");
  }

  // To decode takes as long as the rest.
  bool is_slow() const override { return decodes_there_; }

  // Whatever has come back since it was last called, for to read what the GPU wrote is
  // slow, and can be done while the rest is on its way.
  void hand_out() {
    const PointOut* const out = parts_->out.data();
    // Copies, for what is written might be any of these.
    const FlowRequest request = job_->flow;
    const uint32_t task = task_;
    bool is_entered = false, is_dropped = false;
    pending_.take([&](uint32_t i) {
      if (is_dropped || !is_there(out[i], task)) return false;
      if (!is_entered) is_dropped = !(is_entered = job_->enter());
      if (is_dropped) return false;
      request.next_points[2 * i] = out[i].x;
      request.next_points[2 * i + 1] = out[i].y;
      request.status[i] = status_of(out[i].stamp);
      request.errors[i] = out[i].error;
      if (request.fb_distances) request.fb_distances[i] = out[i].fb_distance;
      return true;
    });
    is_dropped_ = is_dropped;
    if (is_entered && !pending_.empty()) job_->leave();
  }

  void land() {
    if (decodes_there_) ++counters_->jpegs_on_gpu;
    if (!is_dropped_ && job_->enter()) {
      std::swap(parts_->current, parts_->incoming);
      has_frame_ = true;
      job_->done.frame = {uint32_t(parts_->current.pyramid.width()), uint32_t(parts_->current.pyramid.height()),
                          is_reset_, decode_ms_, watch_.ms()};
      // There is room for another one, and for so many points.
      known_size_ = is_reset_ ? 0 : uint64_t(landing_.width) << 32 | uint32_t(landing_.height);
      known_points_ = uint32_t(parts_->out.capacity());
    }
    end(LK_OK, "");
  }

  // The sequence may be gone when this returns.
  void end(int32_t status, const char* text) noexcept { settle(release(), status, text); }

  // Gives up what a job in flight holds.
  JobPtr release() noexcept {
    is_dropped_ = false;
    asked_ms_ = 0;
    return std::move(job_);
  }

  const std::shared_ptr<Device> device_;
  const std::shared_ptr<Counters> counters_;
  const uint32_t max_pixels_;
  bool has_frame_ = false;
  std::unique_ptr<Parts> parts_;  // from the first job on
  JpegDecoder decoder_;
  DeviceImage landing_{};  // where the frame arrives, rows one after the other
  std::vector<uint8_t> file_;
  LumaScan scan_;
  int for_libjpeg_ = 0;  // so many files, the one of the job that comes next first

  // Of the job that was issued:
  JobPtr job_;
  bool is_reset_ = false, follows_ = false;
  bool is_dropped_ = false;  // it was cancelled: what comes back is nobody's
  bool decodes_there_ = false;  // it is a JPEG that the GPU decodes
  uint32_t task_ = 0;
  Steady enough_groups_;
  uint32_t groups_ = 0;
  Pending pending_;
  Stopwatch watch_;
  float decode_ms_ = 0, asked_ms_ = 0;

  std::atomic<uint64_t> known_size_{0};  // width and height
  std::atomic<uint32_t> known_points_{0};
};

}  // namespace

std::unique_ptr<Sequence> open_sequence(std::shared_ptr<Device> device,
                                        std::shared_ptr<Counters> counters, uint32_t max_pixels) {
  return std::make_unique<CudaSequence>(std::move(device), std::move(counters), max_pixels);
}

}  // namespace lk::cuda
