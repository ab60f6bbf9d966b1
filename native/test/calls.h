// Blocking calls in one line each, for tests and benches: a job is filled in, run,
// and what it gives handed out.
#pragma once

#include <cstdint>
#include <string>

#include "lkstream.h"

// The sentence of this thread's last call that failed; "" after one that did not.
inline std::string& last_error() {
  static thread_local std::string text;
  return text;
}

inline lk_image grey_image(const uint8_t* pixels, uint32_t width, uint32_t height,
                           uint32_t stride) {
  const uint32_t bytes = height ? stride * (height - 1) + width : 0;
  return {pixels, bytes, LK_GREY, width, height, stride, 0};
}

inline lk_image jpeg_image(const uint8_t* jpeg, uint32_t bytes) {
  return {jpeg, bytes, LK_JPEG, 0, 0, 0, 0};
}

inline lk_job advance_job(const lk_image& image, const lk_flow_options& options,
                          const lk_points& points = {}) {
  lk_job job{};
  job.kind = LK_ADVANCE;
  job.image = image;
  job.flow = options;
  job.points = points;
  return job;
}

inline lk_job detect_job(const lk_detect_options& options, const lk_corners& corners,
                         const lk_image& mask = {}) {
  lk_job job{};
  job.kind = LK_DETECT;
  job.image = mask;
  job.detect = options;
  job.corners = corners;
  return job;
}

// Bytes of a window that is kept.
inline size_t window_bytes(uint32_t win_width, uint32_t win_height) {
  return size_t(win_width + LK_WINDOW_MARGIN) * (win_height + LK_WINDOW_MARGIN);
}

inline lk_job windows_job(lk_kind kind, const lk_windows& windows) {
  lk_job job{};
  job.kind = uint32_t(kind);
  job.windows = windows;
  return job;
}

inline int32_t run(lk_sequence* sequence, const lk_job& job, lk_completion& done) {
  const int32_t status = lk_sequence_run(sequence, &job, nullptr, &done);
  last_error() = status == LK_OK ? "" : done.error;
  return status;
}

inline int32_t advance(lk_sequence* sequence, const lk_image& image,
                       const lk_flow_options& options, const float* points, uint32_t n,
                       const float* guesses, float* next_points, uint8_t* status, float* errors,
                       float* fb_distances, lk_frame* frame) {
  lk_completion done;
  const int32_t result =
      run(sequence,
          advance_job(image, options,
                      {points, guesses, next_points, status, errors, fb_distances, n, 0}),
          done);
  if (result == LK_OK) *frame = done.frame;
  return result;
}

inline int32_t advance_jpeg(lk_sequence* sequence, const uint8_t* jpeg, uint32_t bytes,
                            const lk_flow_options* options, const float* points, uint32_t n,
                            const float* guesses, float* next_points, uint8_t* status,
                            float* errors, float* fb_distances, lk_frame* frame) {
  return advance(sequence, jpeg_image(jpeg, bytes), *options, points, n, guesses, next_points,
                 status, errors, fb_distances, frame);
}

inline int32_t advance_grey(lk_sequence* sequence, const uint8_t* pixels, uint32_t width,
                            uint32_t height, uint32_t stride, const lk_flow_options* options,
                            const float* points, uint32_t n, const float* guesses,
                            float* next_points, uint8_t* status, float* errors,
                            float* fb_distances, lk_frame* frame) {
  return advance(sequence, grey_image(pixels, width, height, stride), *options, points, n,
                 guesses, next_points, status, errors, fb_distances, frame);
}

inline int32_t detect_corners(lk_sequence* sequence, const lk_detect_options* options, const float* avoid,
                      uint32_t avoid_count, const uint8_t* mask, uint32_t mask_width,
                      uint32_t mask_height, uint32_t mask_stride, float* corners, float* scores,
                      uint32_t capacity, uint32_t* count, float* detect_ms) {
  lk_completion done;
  const int32_t result =
      run(sequence,
          detect_job(*options, {avoid, corners, scores, avoid_count, capacity},
                     grey_image(mask, mask_width, mask_height, mask_stride)),
          done);
  if (result != LK_OK) return result;
  *count = done.detected.count;
  if (detect_ms) *detect_ms = done.detected.detect_ms;
  return result;
}

inline int32_t reset(lk_sequence* sequence) {
  lk_job job{};
  job.kind = LK_RESET;
  lk_completion done;
  return run(sequence, job, done);
}

inline int32_t good_features(lk_engine* engine, const uint8_t* pixels, uint32_t width,
                             uint32_t height, uint32_t stride, const lk_detect_options* options,
                             float* corners, float* scores, uint32_t capacity, uint32_t* count) {
  char text[256] = "";
  const lk_image image = grey_image(pixels, width, height, stride);
  const lk_corners room{nullptr, corners, scores, 0, capacity};
  lk_detected detected{};
  const int32_t status = lk_good_features_to_track(engine, &image, options, nullptr, &room,
                                                   &detected, text, sizeof text);
  last_error() = text;
  *count = detected.count;
  return status;
}

inline int32_t optical_flow(lk_engine* engine, const uint8_t* prev, const uint8_t* next,
                            uint32_t width, uint32_t height, const lk_flow_options* options,
                            const float* points, uint32_t n, const float* guesses,
                            float* next_points, uint8_t* status, float* errors,
                            float* fb_distances) {
  char text[256] = "";
  const lk_image a = grey_image(prev, width, height, width);
  const lk_image b = grey_image(next, width, height, width);
  const lk_points lists{points, guesses, next_points, status, errors, fb_distances, n, 0};
  const int32_t result =
      lk_optical_flow_pyr_lk(engine, &a, &b, options, &lists, text, sizeof text);
  last_error() = text;
  return result;
}
