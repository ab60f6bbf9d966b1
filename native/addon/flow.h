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

FlowInput read_flow_input(Napi::Value points, Napi::Value options, Napi::Value guess);

// The columns that the library fills, one entry a point.
struct FlowColumns {
  std::unique_ptr<float[]> points, error, fb;  // fb is null where nobody asks for the way back
  std::unique_ptr<uint8_t[]> status;

  void make_room_for(const FlowInput& input);
  void copy_to(Napi::Object result, uint32_t n) const;
};

}  // namespace addon
