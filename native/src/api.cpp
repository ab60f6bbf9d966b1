// The C interface: finds what handles stand for, calls it, and turns what is thrown
// into a status and a text.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "check.h"
#include "engine.h"
#include "error.h"
#include "handles.h"
#include "jpeg.h"
#include "lane.h"
#include "lkstream.h"
#include "queue.h"

namespace {

using Engines = lk::Handles<lk_engine, const lk::Engine>;
using Sequences = lk::Handles<lk_sequence, lk::Lane>;
using Queues = lk::Handles<lk_queue, lk::Queue>;

// Where the text of a failure goes that is not a job's.
struct TextBuffer {
  char* text;
  uint32_t capacity;

  void operator()(const char* message) const noexcept {
    if (text && capacity > 0) std::snprintf(text, capacity, "%s", message);
  }
};

std::shared_ptr<const lk::Engine> known(const lk_engine* handle) {
  auto engine = Engines::all().find(handle);
  if (!engine)
    lk::fail(LK_INVALID_ARGUMENT, "Cannot use the engine: it is null or destroyed.");
  return engine;
}

// Does one job after the other on a sequence of their own.
class Calls {
 public:
  explicit Calls(const lk::Engine& engine)
      : lane_(std::make_shared<lk::Lane>(engine, LK_MAX_PIXELS)) {}

  const lk_completion& run(const lk_job& job) {
    waiter_->run(lane_, job, nullptr, &completion_);
    if (completion_.status != LK_OK) throw lk::Error{completion_.status, completion_.error};
    return completion_;
  }

 private:
  const std::shared_ptr<lk::Lane> lane_;
  const std::shared_ptr<lk::Waiter> waiter_ = std::make_shared<lk::Waiter>();
  lk_completion completion_;
};

// Without points: only the frame is of interest.
lk_job frame_job(const lk_image& image, const lk_flow_options& options) {
  lk_job job{};
  job.kind = LK_ADVANCE;
  job.image = image;
  job.flow = options;
  return job;
}

}  // namespace

uint32_t lk_abi_version(void) { return LK_ABI_VERSION; }
uint32_t lk_sizeof_job(void) { return sizeof(lk_job); }
uint32_t lk_sizeof_completion(void) { return sizeof(lk_completion); }

int32_t lk_engine_create(const char* kind, const char* variant, lk_engine** engine, char* error,
                         uint32_t error_capacity) {
  if (engine) *engine = nullptr;
  return lk::guarded(TextBuffer{error, error_capacity}, [&] {
    lk::check_not_null(kind, "kind");
    lk::check_not_null(engine, "engine");
    const std::string wanted = kind;
    if (wanted == "cuda") {
#if defined(LKSTREAM_CUDA)
      *engine = Engines::all().add(lk::create_cuda_engine(variant ? variant : ""));
      return;
#else
      lk::fail(LK_UNAVAILABLE, "Cannot use engine cuda: this library was built without CUDA.");
#endif
    }
    if (wanted != "cpu")
      lk::fail(LK_INVALID_ARGUMENT, "Cannot use engine \"%.40s\": it must be cpu or cuda.", kind);
    *engine = Engines::all().add(lk::create_cpu_engine(variant ? variant : ""));
  });
}

void lk_engine_destroy(lk_engine* engine) { Engines::all().remove(engine); }

const char* lk_engine_name(const lk_engine* engine) {
  const auto found = Engines::all().find(engine);
  return found ? found->name.c_str() : "";
}

const char* lk_engine_device(const lk_engine* engine) {
  const auto found = Engines::all().find(engine);
  return found ? found->device.c_str() : "";
}

const char* lk_engine_variant(const lk_engine* engine) {
  const auto found = Engines::all().find(engine);
  return found ? found->variant.c_str() : "";
}

int32_t lk_engine_counters(const lk_engine* engine, lk_counters* counters, uint32_t bytes) {
  const auto found = Engines::all().find(engine);
  if (!found || !counters) return LK_INVALID_ARGUMENT;
  const lk::Counters& c = *found->counters;
  const lk_counters all{c.jpegs_on_gpu,   c.jpegs_on_cpu,          c.jpegs_refused,
                        found->devices(), found->failed_devices(), c.sequences,
                        0};
  std::memcpy(counters, &all, std::min<size_t>(bytes, sizeof all));
  return LK_OK;
}

int32_t lk_sequence_create(lk_engine* engine, uint32_t max_pixels, lk_sequence** sequence,
                           char* error, uint32_t error_capacity) {
  if (sequence) *sequence = nullptr;
  return lk::guarded(TextBuffer{error, error_capacity}, [&] {
    lk::check_not_null(sequence, "sequence");
    if (max_pixels == 0 || max_pixels > LK_MAX_PIXELS)
      lk::fail(LK_INVALID_ARGUMENT, "Cannot use max_pixels %u: it must be 1 to %d.", max_pixels,
               LK_MAX_PIXELS);
    *sequence = Sequences::all().add(std::make_shared<lk::Lane>(*known(engine), max_pixels));
  });
}

void lk_sequence_cancel(lk_sequence* sequence) {
  if (const auto lane = Sequences::all().find(sequence)) lane->cancel();
}

void lk_sequence_destroy(lk_sequence* sequence) {
  if (const auto lane = Sequences::all().remove(sequence)) lane->cancel();
}

int32_t lk_sequence_run(lk_sequence* sequence, const lk_job* job, const uint8_t* data,
                        lk_completion* completion) {
  if (!completion) return LK_INVALID_ARGUMENT;
  const int32_t status =
      lk::guarded(TextBuffer{completion->error, sizeof completion->error}, [&] {
        lk::check_not_null(job, "job");
        auto lane = Sequences::all().find(sequence);
        if (!lane)
          lk::fail(LK_INVALID_ARGUMENT, "Cannot use the sequence: it is null or destroyed.");
        const auto waiter = lane->borrow_waiter();
        waiter->run(lane, *job, data, completion);
        lane->give_back(waiter);
      });
  if (status == LK_OK) return completion->status;
  completion->tag = job ? job->tag : 0;
  return completion->status = status;
}

int32_t lk_queue_create(lk_queue** queue, char* error, uint32_t error_capacity) {
  if (queue) *queue = nullptr;
  return lk::guarded(TextBuffer{error, error_capacity}, [&] {
    lk::check_not_null(queue, "queue");
    *queue = Queues::all().add(std::make_shared<lk::Queue>());
  });
}

int32_t lk_queue_submit(lk_queue* queue, lk_sequence* sequence, const lk_job* job,
                        const uint8_t* data) {
  const auto found = Queues::all().find(queue);
  if (!found || !job) return LK_INVALID_ARGUMENT;
  bool is_open = true;
  const int32_t status =
      lk::guarded([](const char*) {}, [&] {
        is_open = found->submit(Sequences::all().find(sequence), *job, data);
      });
  return is_open ? status : int32_t(LK_INVALID_ARGUMENT);
}

uint32_t lk_queue_wait(lk_queue* queue, lk_completion* completions, uint32_t capacity) {
  const auto found = Queues::all().find(queue);
  return found && completions ? found->take(completions, capacity, true) : 0;
}

uint32_t lk_queue_poll(lk_queue* queue, lk_completion* completions, uint32_t capacity) {
  const auto found = Queues::all().find(queue);
  return found && completions ? found->take(completions, capacity, false) : 0;
}

void lk_queue_destroy(lk_queue* queue) {
  if (const auto found = Queues::all().remove(queue)) found->close();
}

int32_t lk_good_features_to_track(lk_engine* engine, const lk_image* image,
                                  const lk_detect_options* options, const lk_image* mask,
                                  const lk_corners* corners, lk_detected* detected, char* error,
                                  uint32_t error_capacity) {
  return lk::guarded(TextBuffer{error, error_capacity}, [&] {
    const auto found = known(engine);
    lk::check_not_null(image, "image");
    lk::check_not_null(options, "options");
    lk::check_not_null(corners, "corners");
    lk::check_not_null(detected, "detected");
    lk::checked_grey(*image, LK_MAX_PIXELS);
    Calls calls(*found);
    lk_flow_options plain{};
    plain.win_width = plain.win_height = 21;
    plain.max_count = 1;
    calls.run(frame_job(*image, plain));
    lk_job job{};
    job.kind = LK_DETECT;
    if (mask) job.image = *mask;
    job.detect = *options;
    job.corners = *corners;
    *detected = calls.run(job).detected;
  });
}

int32_t lk_optical_flow_pyr_lk(lk_engine* engine, const lk_image* prev, const lk_image* next,
                               const lk_flow_options* options, const lk_points* points,
                               char* error, uint32_t error_capacity) {
  return lk::guarded(TextBuffer{error, error_capacity}, [&] {
    const auto found = known(engine);
    lk::check_not_null(prev, "prev");
    lk::check_not_null(next, "next");
    lk::check_not_null(options, "options");
    lk::check_not_null(points, "points");
    lk::checked_grey(*prev, LK_MAX_PIXELS);
    lk::checked_grey(*next, LK_MAX_PIXELS);
    if (prev->width != next->width || prev->height != next->height)
      lk::fail(LK_INVALID_ARGUMENT,
               "Cannot follow points from %u x %u to %u x %u pixels: it must be one size.",
               prev->width, prev->height, next->width, next->height);
    Calls calls(*found);
    calls.run(frame_job(*prev, *options));
    lk_job job = frame_job(*next, *options);
    job.points = *points;
    calls.run(job);
  });
}

int32_t lk_jpeg_info(const uint8_t* jpeg, uint32_t jpeg_bytes, uint32_t* width, uint32_t* height,
                     char* error, uint32_t error_capacity) {
  return lk::guarded(TextBuffer{error, error_capacity}, [&] {
    if (jpeg_bytes) lk::check_not_null(jpeg, "jpeg");  // none are a bad frame
    lk::check_not_null(width, "width");
    lk::check_not_null(height, "height");
    lk::JpegDecoder decoder;
    const auto size = decoder.open(jpeg, jpeg_bytes, UINT32_MAX);
    *width = size.width;
    *height = size.height;
  });
}

int32_t lk_decode_grey(const uint8_t* jpeg, uint32_t jpeg_bytes, uint32_t max_pixels,
                       uint8_t* pixels, uint32_t stride, uint32_t capacity, uint32_t* width,
                       uint32_t* height, char* error, uint32_t error_capacity) {
  return lk::guarded(TextBuffer{error, error_capacity}, [&] {
    if (jpeg_bytes) lk::check_not_null(jpeg, "jpeg");  // none are a bad frame
    lk::check_not_null(pixels, "pixels");
    lk::check_not_null(width, "width");
    lk::check_not_null(height, "height");
    lk::JpegDecoder decoder;
    const auto size = decoder.open(jpeg, jpeg_bytes, max_pixels);
    if (stride < size.width)
      lk::fail(LK_INVALID_ARGUMENT, "Cannot use stride %u: it must be at least the width, %u.",
               stride, size.width);
    const uint64_t needed = uint64_t(stride) * (size.height - 1) + size.width;
    if (capacity < needed)
      lk::fail(LK_INVALID_ARGUMENT, "Cannot decode into %u bytes: %llu are needed.", capacity,
               static_cast<unsigned long long>(needed));
    lk::Turn turn;  // which nobody ends
    decoder.decode(pixels, stride, turn);
    *width = size.width;
    *height = size.height;
  });
}
