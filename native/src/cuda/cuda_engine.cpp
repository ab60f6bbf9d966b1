// The CUDA engine: sequences of two pyramids in device memory that change
// places, on the least loaded device.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "../engine.h"
#include "../error.h"
#include "../jpeg.h"
#include "../levels.h"
#include "../stopwatch.h"
#include "device.h"
#include "follow.h"
#include "plain_jpeg.h"
#include "pyramid.h"
#include "stream.h"

namespace lk::cuda {
namespace {

// Kernels count rows and columns of tiles in 16 bits, and bytes of a level in 32.
constexpr int kMaxSide = 65535;

void check_sides(uint32_t width, uint32_t height) {
  if (width > kMaxSide || height > kMaxSide)
    fail(LK_FRAME_TOO_LARGE,
         "Cannot take a frame of %u x %u pixels: the engine cuda takes at most %d a side.", width,
         height, kMaxSide);
}

// The status of a point that has not come back yet.
constexpr uint32_t kPending = ~0u;

bool is_there(const PointOut& p) {
  return __atomic_load_n(&p.status, __ATOMIC_ACQUIRE) != kPending &&
         __atomic_load_n(&p.same_status, __ATOMIC_ACQUIRE) != kPending;
}

bool is_pinned(const void* p) {
  cudaPointerAttributes attributes;
  return cudaPointerGetAttributes(&attributes, p) == cudaSuccess &&
         attributes.type == cudaMemoryTypeHost;
}

class CudaSequence final : public Sequence {
 public:
  CudaSequence(std::shared_ptr<Device> device, std::shared_ptr<Counters> counters,
               uint32_t max_pixels)
      : device_(std::move(device)), counters_(std::move(counters)), max_pixels_(max_pixels) {
    ++device_->sequences;
  }

  ~CudaSequence() override {
    cudaSetDevice(device_->id);
    parts_.reset();
    --device_->sequences;
  }

  bool run(const JobPtr& job) override {
    device_->run([&] {
      if (!parts_) parts_.reset(new Parts);
      if (job->ask.kind == LK_DETECT)
        detect(*job);
      else if (job->is_jpeg())
        advance_jpeg(*job);
      else
        advance_grey(*job);
    });
    return true;
  }

  void reset() override { has_frame_ = false; }
  int width() const override { return has_frame_ ? parts_->current.width() : 0; }
  int height() const override { return has_frame_ ? parts_->current.height() : 0; }
  Scheduler& scheduler() const override { return device_->scheduler; }

 private:
  void advance_jpeg(Job& job) {
    const Stopwatch watch;
    const uint8_t* jpeg = job.ask.image.data;
    const size_t bytes = job.ask.image.bytes;
    const auto size = decoder_.open(jpeg, bytes, max_pixels_);
    check_sides(size.width, size.height);
    make_room(int(size.width), int(size.height));
    NvJpeg* const nvjpeg =
        is_plain_jpeg(jpeg, bytes, size.width, size.height) ? device_->nvjpeg() : nullptr;
    DecodePlaces::Lease lease(nvjpeg ? &nvjpeg->places : nullptr,
                              size_t(size.width) * size.height);
    if (lease.on_gpu() && nvjpeg->decode(lease, jpeg, bytes, landing_, parts_->stream)) {
      ++counters_->jpegs_on_gpu;
    } else {
      if (lease.on_gpu()) ++counters_->jpegs_refused;
      decode_here(job.turn);
      ++counters_->jpegs_on_cpu;
      if (lease.on_gpu())
        lease.release();
      else
        lease.done();
    }
    try {
      advance(job.flow, watch.ms(), job.done.frame);
    } catch (...) {
      cudaStreamSynchronize(parts_->stream);  // it may still read the file, at the leased place
      throw;
    }
    lease.done();
  }

  void advance_grey(Job& job) {
    const Stopwatch watch;
    const Image image = job.grey();
    check_sides(uint32_t(image.width), uint32_t(image.height));
    make_room(image.width, image.height);
    upload(image);
    advance(job.flow, watch.ms(), job.done.frame);
  }

  void detect(Job& job) {
    const Stopwatch watch;
    device_->with_detector([&](CornerDetector& detector) {
      detector.detect(parts_->current.levels()[0], job.detect, parts_->stream, device_->waiters);
    });
    job.done.detected.detect_ms = watch.ms();
  }

  // What must be made and released with the device set.
  struct Parts {
    Pyramid current, incoming;
    DeviceBuffer<uint8_t> landing;
    PinnedBuffer<uint8_t> staging;
    PinnedBuffer<PointIn> in;
    PinnedBuffer<PointOut> out;
    Stream stream;  // last: it ends before what it works on
  };

  // For a frame of this size, which is to be put into the landing.
  void make_room(int width, int height) {
    Parts& p = *parts_;
    p.incoming.resize(width, height, p.stream);
    landing_ = {nullptr, width, height, (width + 127) & ~127};
    const size_t bytes = size_t(landing_.pitch) * size_t(height), before = p.landing.capacity();
    landing_.d_pixels = p.landing.reserve(bytes);
    // What lies between rows is read with them, though it counts for nothing.
    if (p.landing.capacity() != before)
      check(cudaMemsetAsync(landing_.d_pixels, 0, p.landing.capacity(), p.stream),
            "clear the landing");
  }

  // Decodes what was opened on this thread, and queues its copy.
  void decode_here(Turn& turn) {
    const size_t bytes = size_t(landing_.pitch) * size_t(landing_.height);
    uint8_t* staging = parts_->staging.reserve(bytes);
    decoder_.decode(staging, size_t(landing_.pitch), turn);
    check(cudaMemcpyAsync(landing_.d_pixels, staging, bytes, cudaMemcpyHostToDevice, parts_->stream),
          "copy the frame");
  }

  // Pinned memory goes straight to the device. All other goes through pinned
  // staging, piece by piece, so that one piece is copied while the one before
  // is on the bus.
  void upload(const Image& image) {
    const size_t pitch = size_t(landing_.pitch), width = size_t(image.width);
    if (is_pinned(image.data) && size_t(image.stride) == pitch && width == pitch) {
      check(cudaMemcpyAsync(landing_.d_pixels, image.data, pitch * size_t(image.height),
                            cudaMemcpyHostToDevice, parts_->stream),
            "copy the frame");
      return;
    }
    if (is_pinned(image.data)) {
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

  // With the frame on its way to level 0 of the incoming pyramid.
  void advance(const FlowRequest& request, float decode_ms, lk_frame& frame) {
    const Stopwatch watch;
    Parts& p = *parts_;
    const bool reset = !has_frame_ || p.incoming.width() != p.current.width() ||
                       p.incoming.height() != p.current.height();
    const auto& o = request.options;
    const int top = usable_levels(p.incoming.width(), p.incoming.height(), int(o.win_width),
                                  int(o.win_height), int(o.max_level));
    const int window = int(std::max(o.win_width, o.win_height));
    const bool follows = !reset && request.n > 0;
    // First, for the search waits for no kernel but the one right before it.
    if (follows) p.current.build(top, window, p.stream);
    p.incoming.take(landing_, top, window, p.stream);
    if (!follows) {
      p.stream.wait(device_->waiters);
    } else {
      follow(request, top);
      p.stream.wait(device_->waiters, [&] { return hand_out(request); });
      if (!hand_out(request)) fail(LK_ENGINE_FAILED, "Cannot track: points did not come back.");
    }
    std::swap(p.current, p.incoming);
    has_frame_ = true;
    frame = {uint32_t(p.current.width()), uint32_t(p.current.height()), reset, decode_ms,
             watch.ms()};
  }

  void follow(const FlowRequest& request, int top) {
    Parts& p = *parts_;
    const auto& o = request.options;
    PointIn* in = p.in.reserve(request.n);
    const float* guesses = request.guesses ? request.guesses : request.points;
    PointOut* out = p.out.reserve(request.n);
    pending_.resize(request.n);
    std::iota(pending_.begin(), pending_.end(), 0u);
    for (uint32_t i = 0; i < request.n; ++i) {
      in[i] = {request.points[2 * i], request.points[2 * i + 1], guesses[2 * i],
               guesses[2 * i + 1]};
      out[i].status = out[i].same_status = kPending;
    }
    FollowTask task{{},
                    {},
                    top,
                    int(o.win_width),
                    int(o.win_height),
                    int(o.max_count),
                    o.epsilon,
                    o.min_eig_threshold,
                    (o.flags & LK_FLOW_GET_MIN_EIGENVALS) != 0,
                    request.fb_distances != nullptr,
                    request.n,
                    in,
                    out};
    std::copy(p.current.levels(), p.current.levels() + kMaxLevels, task.prev);
    std::copy(p.incoming.levels(), p.incoming.levels() + kMaxLevels, task.next);
    launch_follow(task, device_->overlaps(), p.stream);
  }

  // Whatever has come back since it was last called, for to read what the GPU wrote is
  // slow, and can be done while the rest is on its way. True when all has.
  bool hand_out(const FlowRequest& request) {
    const PointOut* out = parts_->out.data();
    const auto is_done = [&](uint32_t i) {
      if (!is_there(out[i])) return false;
      request.next_points[2 * i] = out[i].x;
      request.next_points[2 * i + 1] = out[i].y;
      request.status[i] = uint8_t(out[i].status);
      request.errors[i] = out[i].error;
      if (request.fb_distances) request.fb_distances[i] = out[i].fb_distance;
      return true;
    };
    pending_.erase(std::remove_if(pending_.begin(), pending_.end(), is_done),
                   pending_.end());
    return pending_.empty();
  }

  const std::shared_ptr<Device> device_;
  const std::shared_ptr<Counters> counters_;
  const uint32_t max_pixels_;
  bool has_frame_ = false;
  std::unique_ptr<Parts> parts_;
  std::vector<uint32_t> pending_;  // points that have not come back yet
  JpegDecoder decoder_;
  DeviceImage landing_{};  // where the frame arrives, rows one after the other
};

class CudaEngine final : public Engine {
 public:
  explicit CudaEngine(std::vector<std::shared_ptr<Device>> devices)
      : devices_(std::move(devices)) {
    name = "cuda";
    device = devices_[0]->name;
    if (devices_.size() > 1) device += " and " + std::to_string(devices_.size() - 1) + " more";
    for (const auto& d : devices_) {
      if (!variant.empty()) variant += ',';
      variant += std::to_string(d->id);
    }
  }

  std::unique_ptr<Sequence> open(uint32_t max_pixels) const override {
    return std::make_unique<CudaSequence>(least_loaded(), counters, max_pixels);
  }

  uint32_t devices() const override { return uint32_t(devices_.size()); }
  uint32_t failed_devices() const override {
    return uint32_t(std::count_if(devices_.begin(), devices_.end(),
                                  [](const auto& d) { return d->failed.load(); }));
  }

 private:
  std::shared_ptr<Device> least_loaded() const {
    std::shared_ptr<Device> best;
    for (const auto& d : devices_)
      if (!d->failed && (!best || d->sequences < best->sequences)) best = d;
    if (!best)
      fail(LK_ENGINE_FAILED,
           "Cannot go on: every GPU in use has failed, and CUDA needs a new process to use one.");
    return best;
  }

  const std::vector<std::shared_ptr<Device>> devices_;
};

[[noreturn]] void unavailable(cudaError_t error) {
  cudaGetLastError();
  int driver = 0;
  cudaDriverGetVersion(&driver);
  if (error == cudaErrorInsufficientDriver && driver > 0)
    fail(LK_UNAVAILABLE,
         "Cannot use engine cuda: the NVIDIA driver is for CUDA %d.%d, and %d.%d is needed.",
         driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  if (driver == 0)
    fail(LK_UNAVAILABLE, "Cannot use engine cuda: there is no NVIDIA driver on this machine.");
  if (error == cudaSuccess || error == cudaErrorNoDevice)
    fail(LK_UNAVAILABLE, "Cannot use engine cuda: there is no GPU on this machine.");
  fail(LK_UNAVAILABLE, "Cannot use engine cuda: CUDA says \"%s\" (%s).", cudaGetErrorString(error),
       cudaGetErrorName(error));
}

// Kernels are compiled for compute capability 7.5 and later.
bool can_run(const cudaDeviceProp& p) { return p.major * 10 + p.minor >= 75; }

}  // namespace
}  // namespace lk::cuda

namespace lk {

std::shared_ptr<Engine> create_cuda_engine(const std::string& variant) {
  using namespace cuda;
  // Streams share hardware queues, 8 of them unless one asks for more, and wait for
  // one another there: with 16 sequences a third of the frames a second is lost.
  // CUDA reads this when it is first used.
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) unavailable(error);
  std::vector<std::shared_ptr<Device>> devices;
  std::string refused;
  for (int id = 0; id < count; ++id) {
    if (!variant.empty() && variant != std::to_string(id)) continue;
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, id), "ask for the device's properties");
    if (!can_run(properties)) {
      refused = std::string(properties.name) + " has compute capability " +
                std::to_string(properties.major) + "." + std::to_string(properties.minor) +
                ", and 7.5 is needed";
      continue;
    }
    devices.push_back(Device::get(id, properties.name));
  }
  if (devices.empty() && !refused.empty())
    fail(LK_UNAVAILABLE, "Cannot use engine cuda: %s.", refused.c_str());
  if (devices.empty())
    fail(LK_UNAVAILABLE,
         "Cannot use the device \"%.40s\": it must be a number from 0 to %d.", variant.c_str(),
         count - 1);
  return std::make_shared<CudaEngine>(std::move(devices));
}

}  // namespace lk
