// Room for the corners that a detection finds.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

#include "values.h"

namespace addon {

struct Corners {
  std::unique_ptr<float[]> points, scores;
  uint32_t capacity = 0, count = 0;

  // There are never more corners than pixels.
  void make_room_for(const lk_detect_options& options, uint64_t pixels) {
    const uint32_t wanted = options.max_corners > 0 ? options.max_corners : UINT32_MAX;
    capacity = uint32_t(std::min<uint64_t>(pixels, wanted));
    points = make_room<float>(2 * size_t(capacity));
    scores = make_room<float>(capacity);
  }

  // A job that finds them, away from some points, under a mask.
  lk_job job(const lk_detect_options& options, const Points& avoid, const lk_image& mask) const {
    lk_job job{};
    job.kind = LK_DETECT;
    job.image = mask;
    job.detect = options;
    job.corners = {avoid.data, points.get(), scores.get(), avoid.length / 2, capacity};
    return job;
  }

  void copy_to(Napi::Object result) const {
    result.Set("corners", copy_out(result.Env(), points, 2 * size_t(count)));
    result.Set("scores", copy_out(result.Env(), scores, count));
  }
};

}  // namespace addon
