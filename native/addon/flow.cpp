#include "flow.h"

#include <cmath>

#include "errors.h"

namespace addon {

// The lists come last: a getter among the options could still change them.
FlowInput read_flow_input(Napi::Value points, Napi::Value options, Napi::Value guess) {
  const auto read = read_flow_options(options);
  FlowInput input{read.library, read.back, read_points(points, "points"), {}};
  if (guess.IsUndefined()) return input;
  input.guess = read_points(guess, "guess");
  if (input.guess.length != input.points.length)
    throw error(points.Env(), "invalid_argument",
                "Cannot start " + std::to_string(count(input.points)) + " points from " +
                    std::to_string(count(input.guess)) + " guesses: allowed is one for each");
  return input;
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
