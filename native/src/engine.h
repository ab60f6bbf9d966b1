// What an engine is: everything behind the C interface that depends on where
// the work is done. Arguments arrive checked; failures are thrown as Error.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "image.h"
#include "lkstream.h"

namespace lk {

struct FlowRequest {
  lk_flow_options options;
  uint32_t n;
  const float* points;
  const float* guesses;  // or null
  float* next_points;
  uint8_t* status;
  float* errors;
  float* fb_distances;  // or null
};

struct DetectRequest {
  lk_detect_options options;
  const float* avoid;
  uint32_t avoid_count;
  Image mask;  // no data: everywhere
  float* corners;
  float* scores;  // or null
  uint32_t capacity;
  uint32_t* count;
};

// The frames of one video; used by one thread at a time.
class Sequence {
 public:
  virtual ~Sequence() = default;
  virtual void advance_jpeg(const uint8_t* jpeg, size_t bytes, const FlowRequest&, lk_frame&) = 0;
  virtual void advance_grey(const Image&, const FlowRequest&, lk_frame&) = 0;
  virtual void detect(const DetectRequest&) = 0;
  virtual void reset() = 0;
  virtual int width() const = 0;  // of the current frame; 0: there is none
  virtual int height() const = 0;
};

// Decoded frames; of both lk_counters tells the meaning.
struct JpegCounters {
  std::atomic<uint64_t> on_gpu{0}, on_cpu{0}, refused{0};
};

// Used by any number of threads at once.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::unique_ptr<Sequence> open(uint32_t max_pixels) const = 0;
  virtual void optical_flow(const Image& prev, const Image& next, const FlowRequest&) const = 0;
  virtual void good_features(const Image&, const DetectRequest&) const = 0;

  virtual uint32_t devices() const { return 0; }
  virtual uint32_t failed_devices() const { return 0; }

  std::string name, device, variant;
  mutable JpegCounters jpegs;  // counted by its sequences, which it outlives
};

std::shared_ptr<Engine> create_cpu_engine(const std::string& variant);
// Only where the library is built with CUDA.
std::shared_ptr<Engine> create_cuda_engine(const std::string& variant);

}  // namespace lk
