// The C interface: checks arguments, calls the engine, and turns what is thrown
// into a status and a text.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "check.h"
#include "engine.h"
#include "error.h"
#include "give_back.h"
#include "jpeg.h"
#include "lkstream.h"
#include "stopwatch.h"

struct lk_engine {
  std::shared_ptr<const lk::Engine> impl;
};

struct lk_sequence {
  std::shared_ptr<const lk::Engine> engine;  // outlives its handle, if need be
  std::unique_ptr<lk::Sequence> impl;
  uint32_t max_pixels;
  std::string error;
};

namespace {

// Where the text of a failure goes when there is no sequence to keep it.
struct TextBuffer {
  char* text;
  uint32_t capacity;

  void operator()(const char* message) const noexcept {
    if (text && capacity > 0) std::snprintf(text, capacity, "%s", message);
  }
};

struct SequenceText {
  lk_sequence* sequence;

  void operator()(const char* message) const noexcept {
    try {
      sequence->error = message;
    } catch (...) {
      sequence->error.clear();
    }
  }
};

// Runs the body; whatever it throws ends here.
template <class Body, class Report>
int32_t guarded(const Report& report, const Body& body) noexcept {
  try {
    body();
    return LK_OK;
  } catch (const lk::Error& e) {
    report(e.text.c_str());
    return e.status;
  } catch (const std::bad_alloc&) {
    report("Cannot go on: no memory is left.");
    return LK_OUT_OF_MEMORY;
  } catch (const std::exception& e) {
    report(e.what());
    return LK_ENGINE_FAILED;
  } catch (...) {
    report("Cannot go on: the engine failed without saying why.");
    return LK_ENGINE_FAILED;
  }
}

template <class Body>
int32_t guarded(lk_sequence* sequence, const Body& body) noexcept {
  if (!sequence) return LK_INVALID_ARGUMENT;
  sequence->error.clear();
  return guarded(SequenceText{sequence}, body);
}

lk::FlowRequest checked_flow(const lk_flow_options* options, const float* points, uint32_t n,
                             const float* guesses, float* next_points, uint8_t* status,
                             float* errors, float* fb_distances) {
  lk::check_not_null(options, "options");
  lk::check_options(*options);
  lk::FlowRequest request{*options, n, points, guesses, next_points, status, errors, fb_distances};
  lk::check_lists(request);
  return request;
}

lk::DetectRequest checked_detect(const lk_detect_options* options, const float* avoid,
                                 uint32_t avoid_count, const uint8_t* mask, uint32_t mask_width,
                                 uint32_t mask_height, uint32_t mask_stride, float* corners,
                                 float* scores, uint32_t capacity, uint32_t* count) {
  lk::check_not_null(options, "options");
  lk::check_options(*options);
  lk::DetectRequest request{*options,
                            avoid,
                            avoid_count,
                            lk::checked_mask(mask, mask_width, mask_height, mask_stride),
                            corners,
                            scores,
                            capacity,
                            count};
  lk::check_lists(request);
  return request;
}

}  // namespace

uint32_t lk_abi_version(void) { return LK_ABI_VERSION; }
uint32_t lk_sizeof_flow_options(void) { return sizeof(lk_flow_options); }
uint32_t lk_sizeof_detect_options(void) { return sizeof(lk_detect_options); }
uint32_t lk_sizeof_frame(void) { return sizeof(lk_frame); }

int32_t lk_engine_create(const char* kind, const char* variant, lk_engine** engine, char* error,
                         uint32_t error_capacity) {
  if (engine) *engine = nullptr;
  return guarded(TextBuffer{error, error_capacity}, [&] {
    lk::check_not_null(kind, "kind");
    lk::check_not_null(engine, "engine");
    const std::string wanted = kind;
    if (wanted == "cuda") {
#if defined(LKSTREAM_CUDA)
      *engine = new lk_engine{lk::create_cuda_engine(variant ? variant : "")};
      return;
#else
      lk::fail(LK_UNAVAILABLE, "Cannot use engine cuda: this library was built without CUDA.");
#endif
    }
    if (wanted != "cpu")
      lk::fail(LK_INVALID_ARGUMENT, "Cannot use engine \"%.40s\": it must be cpu or cuda.", kind);
    *engine = new lk_engine{lk::create_cpu_engine(variant ? variant : "")};
  });
}

void lk_engine_destroy(lk_engine* engine) { delete engine; }

const char* lk_engine_name(const lk_engine* engine) {
  return engine ? engine->impl->name.c_str() : "";
}

const char* lk_engine_device(const lk_engine* engine) {
  return engine ? engine->impl->device.c_str() : "";
}

const char* lk_engine_variant(const lk_engine* engine) {
  return engine ? engine->impl->variant.c_str() : "";
}

int32_t lk_engine_counters(const lk_engine* engine, lk_counters* counters, uint32_t bytes) {
  if (!engine || !counters) return LK_INVALID_ARGUMENT;
  const lk::Engine& e = *engine->impl;
  const lk_counters all{e.jpegs.on_gpu, e.jpegs.on_cpu, e.jpegs.refused, e.devices(),
                        e.failed_devices()};
  std::memcpy(counters, &all, std::min<size_t>(bytes, sizeof all));
  return LK_OK;
}

int32_t lk_sequence_create(lk_engine* engine, uint32_t max_pixels, lk_sequence** sequence,
                           char* error, uint32_t error_capacity) {
  if (sequence) *sequence = nullptr;
  return guarded(TextBuffer{error, error_capacity}, [&] {
    lk::check_not_null(engine, "engine");
    lk::check_not_null(sequence, "sequence");
    if (max_pixels == 0 || max_pixels > LK_MAX_PIXELS)
      lk::fail(LK_INVALID_ARGUMENT, "Cannot use max_pixels %u: it must be 1 to %d.", max_pixels,
               LK_MAX_PIXELS);
    *sequence =
        new lk_sequence{engine->impl, engine->impl->open(max_pixels), max_pixels, std::string()};
  });
}

void lk_sequence_destroy(lk_sequence* sequence) {
  if (!sequence) return;
  delete sequence;
  lk::give_back_memory();
}

void lk_sequence_reset(lk_sequence* sequence) {
  if (sequence) sequence->impl->reset();
}

const char* lk_last_error(const lk_sequence* sequence) {
  return sequence ? sequence->error.c_str() : "Cannot work without a sequence: it is null.";
}

int32_t lk_sequence_advance_jpeg(lk_sequence* sequence, const uint8_t* jpeg, uint32_t jpeg_bytes,
                                 const lk_flow_options* options, const float* points, uint32_t n,
                                 const float* guesses, float* next_points, uint8_t* status,
                                 float* errors, float* fb_distances, lk_frame* frame) {
  return guarded(sequence, [&] {
    if (jpeg_bytes) lk::check_not_null(jpeg, "jpeg");  // none are a bad frame
    lk::check_not_null(frame, "frame");
    sequence->impl->advance_jpeg(
        jpeg, jpeg_bytes,
        checked_flow(options, points, n, guesses, next_points, status, errors, fb_distances),
        *frame);
  });
}

int32_t lk_sequence_advance_grey(lk_sequence* sequence, const uint8_t* pixels, uint32_t width,
                                 uint32_t height, uint32_t stride, const lk_flow_options* options,
                                 const float* points, uint32_t n, const float* guesses,
                                 float* next_points, uint8_t* status, float* errors,
                                 float* fb_distances, lk_frame* frame) {
  return guarded(sequence, [&] {
    lk::check_not_null(frame, "frame");
    sequence->impl->advance_grey(
        lk::checked_image(pixels, width, height, stride, sequence->max_pixels),
        checked_flow(options, points, n, guesses, next_points, status, errors, fb_distances),
        *frame);
  });
}

int32_t lk_sequence_detect(lk_sequence* sequence, const lk_detect_options* options,
                           const float* avoid, uint32_t avoid_count, const uint8_t* mask,
                           uint32_t mask_width, uint32_t mask_height, uint32_t mask_stride,
                           float* corners, float* scores, uint32_t capacity, uint32_t* count,
                           float* detect_ms) {
  return guarded(sequence, [&] {
    const auto request = checked_detect(options, avoid, avoid_count, mask, mask_width, mask_height,
                                        mask_stride, corners, scores, capacity, count);
    if (sequence->impl->width() == 0)
      lk::fail(LK_NO_FRAME, "Cannot detect corners: the sequence has no frame yet.");
    lk::check_mask_size(request.mask, sequence->impl->width(), sequence->impl->height());
    const lk::Stopwatch watch;
    sequence->impl->detect(request);
    if (detect_ms) *detect_ms = watch.ms();
  });
}

int32_t lk_good_features_to_track(lk_engine* engine, const uint8_t* pixels, uint32_t width,
                                  uint32_t height, uint32_t stride,
                                  const lk_detect_options* options, const uint8_t* mask,
                                  uint32_t mask_width, uint32_t mask_height, uint32_t mask_stride,
                                  float* corners, float* scores, uint32_t capacity, uint32_t* count,
                                  char* error, uint32_t error_capacity) {
  return guarded(TextBuffer{error, error_capacity}, [&] {
    lk::check_not_null(engine, "engine");
    const auto image = lk::checked_image(pixels, width, height, stride, LK_MAX_PIXELS);
    const auto request = checked_detect(options, nullptr, 0, mask, mask_width, mask_height,
                                        mask_stride, corners, scores, capacity, count);
    lk::check_mask_size(request.mask, image.width, image.height);
    engine->impl->good_features(image, request);
  });
}

int32_t lk_optical_flow_pyr_lk(lk_engine* engine, const uint8_t* prev, uint32_t prev_stride,
                               const uint8_t* next, uint32_t next_stride, uint32_t width,
                               uint32_t height, const lk_flow_options* options,
                               const float* points, uint32_t n, const float* guesses,
                               float* next_points, uint8_t* status, float* errors,
                               float* fb_distances, char* error, uint32_t error_capacity) {
  return guarded(TextBuffer{error, error_capacity}, [&] {
    lk::check_not_null(engine, "engine");
    engine->impl->optical_flow(
        lk::checked_image(prev, width, height, prev_stride, LK_MAX_PIXELS),
        lk::checked_image(next, width, height, next_stride, LK_MAX_PIXELS),
        checked_flow(options, points, n, guesses, next_points, status, errors, fb_distances));
  });
}

int32_t lk_jpeg_info(const uint8_t* jpeg, uint32_t jpeg_bytes, uint32_t* width, uint32_t* height,
                     char* error, uint32_t error_capacity) {
  return guarded(TextBuffer{error, error_capacity}, [&] {
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
  return guarded(TextBuffer{error, error_capacity}, [&] {
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
    decoder.decode(pixels, stride);
    *width = size.width;
    *height = size.height;
  });
}
