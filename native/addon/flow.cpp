#include "flow.h"

#include <cmath>

#include "errors.h"

namespace addon {

FlowInput take_flow_input(const FlowOptions& options, Napi::Value points, Napi::Value guess) {
  FlowInput input{options.library, options.back, take_points(points, "points"), {}};
  if (guess.IsUndefined()) return input;
  input.guess = take_points(guess, "guess");
  if (input.guess.length != input.points.length)
    throw error(points.Env(), "invalid_argument",
                "Cannot start " + std::to_string(count(input.points)) + " points from " +
                    std::to_string(count(input.guess)) + " guesses: allowed is one for each");
  return input;
}

lk_job FlowColumns::job(const FlowInput& input, const lk_image& image) const {
  lk_job job{};
  job.kind = LK_ADVANCE;
  job.image = image;
  job.flow = input.options;
  job.points = {input.points.data, input.guess.data, points.get(),         status.get(),
                error.get(),       fb.get(),         count(input.points), 0};
  return job;
}

void FlowColumns::make_room_for(const FlowInput& input) {
  const size_t n = count(input.points);
  points = make_room<float>(2 * n);
  status = make_room<uint8_t>(n);
  error = make_room<float>(n);
  if (input.back) fb = make_room<float>(n);
}

void FlowColumns::copy_to(Napi::Object result, uint32_t n) const {
  const auto env = result.Env();
  auto distances = Napi::Float32Array::New(env, n);
  if (n > 0 && fb) std::copy_n(fb.get(), n, distances.Data());
  else if (n > 0) std::fill_n(distances.Data(), n, NAN);
  result.Set("points", copy_out(env, points, 2 * size_t(n)));
  result.Set("status", copy_out(env, status, n));
  result.Set("error", copy_out(env, error, n));
  result.Set("fb", distances);
}

}  // namespace addon
