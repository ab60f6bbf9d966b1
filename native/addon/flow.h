// What following points takes and gives, in a sequence or between two images.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

#include "values.h"

namespace addon {

struct FlowInput {
  lk_flow_options options;
  bool back;
  Points points;
  Points guess;  // no data: each search starts at its point
};

FlowInput take_flow_input(const FlowOptions& options, Napi::Value points, Napi::Value guess);

// The columns that the library fills, one entry a point.
struct FlowColumns {
  std::unique_ptr<float[]> points, error, fb;  // fb is null where nobody asks for the way back
  std::unique_ptr<uint8_t[]> status;

  void make_room_for(const FlowInput& input);
  // A job that follows the points of an input into an image, to these columns.
  lk_job job(const FlowInput& input, const lk_image& image) const;
  void copy_to(Napi::Object result, uint32_t n) const;
};

}  // namespace addon
