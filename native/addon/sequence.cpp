#include "sequence.h"

#include "call.h"
#include "classes.h"
#include "corners.h"
#include "flow.h"
#include "values.h"

namespace addon {
namespace {

// The right to call a sequence's functions, which one call has at a time. Taken
// and given back on the main thread.
class Lease {
 public:
  explicit Lease(std::shared_ptr<SequenceState> state) : state_(std::move(state)) {
    state_->busy = true;
  }
  Lease(Lease&&) = default;
  ~Lease() {
    if (state_) state_->busy = false;
  }

  SequenceState* operator->() const { return state_.get(); }
  Outcome outcome(int32_t status) const {
    return {status, status == LK_OK ? "" : lk_last_error(state_->handle)};
  }

 private:
  std::shared_ptr<SequenceState> state_;
};

struct Advance {
  Lease sequence;
  bool is_jpeg;
  Image frame;  // of a JPEG only the pixels, which are its bytes
  FlowInput input;
  FlowColumns found{};
  lk_frame info{};

  Outcome run() {
    found.make_room_for(input);
    return sequence.outcome(is_jpeg ? take_jpeg() : take_grey());
  }

  int32_t take_jpeg() {
    return lk_sequence_advance_jpeg(sequence->handle, frame.pixels.data, frame.pixels.length,
                                    &input.options, input.points.data, count(input.points),
                                    input.guess.data, found.points.get(), found.status.get(),
                                    found.error.get(), found.fb.get(), &info);
  }

  int32_t take_grey() {
    return lk_sequence_advance_grey(sequence->handle, frame.pixels.data, frame.width, frame.height,
                                    frame.stride, &input.options, input.points.data,
                                    count(input.points), input.guess.data, found.points.get(),
                                    found.status.get(), found.error.get(), found.fb.get(), &info);
  }

  Napi::Value result(Napi::Env env) {
    sequence->width = info.width;
    sequence->height = info.height;
    auto made = Napi::Object::New(env);
    made.Set("width", info.width);
    made.Set("height", info.height);
    made.Set("reset", Napi::Boolean::New(env, info.reset != 0));
    found.copy_to(made, info.reset ? 0 : count(input.points));
    made.Set("decodeMs", info.decode_ms);
    made.Set("trackMs", info.track_ms);
    return made;
  }
};

struct Detect {
  Lease sequence;
  lk_detect_options options;
  Points avoid;
  Bytes mask;
  Corners found{};
  float detect_ms = 0;

  Outcome run() {
    const uint32_t width = mask.data ? sequence->width : 0;
    const uint32_t height = mask.data ? sequence->height : 0;
    found.make_room_for(options, uint64_t(sequence->width) * sequence->height);
    return sequence.outcome(lk_sequence_detect(
        sequence->handle, &options, avoid.data, count(avoid), mask.data, width, height, width,
        found.points.get(), found.scores.get(), found.capacity, &found.count, &detect_ms));
  }

  Napi::Value result(Napi::Env env) {
    auto made = Napi::Object::New(env);
    found.copy_to(made);
    made.Set("detectMs", detect_ms);
    return made;
  }
};

}  // namespace

Napi::Function Sequence::define(Napi::Env env) {
  std::vector<PropertyDescriptor> members = {
      InstanceMethod<&Sequence::advance>("advance", napi_default_method),
      InstanceMethod<&Sequence::detect>("detect", napi_default_method),
      InstanceMethod<&Sequence::reset>("reset", napi_default_method),
      InstanceMethod<&Sequence::close>("close", napi_default_method),
  };
  if (const auto dispose = dispose_symbol(env); dispose.IsSymbol())
    members.push_back(
        InstanceMethod<&Sequence::close>(dispose.As<Napi::Symbol>(), napi_default_method));
  return DefineClass(env, "Sequence", members);
}

void Sequence::check_idle(const char* action) const {
  const auto cannot = std::string("Cannot ") + action + ": the sequence ";
  if (!state_) throw error(Env(), "closed", cannot + "is closed");
  if (state_->busy) throw error(Env(), "busy", cannot + "is at work on another call");
}

Napi::Value Sequence::advance(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    auto input = read_flow_input(info[1], info[2], info[3]);
    const bool is_jpeg = info[0].IsTypedArray();
    Image frame;
    if (is_jpeg) frame.pixels = read_bytes(info[0], "frame");
    else frame = read_image(info[0], "frame");
    check_idle("take a frame");
    return Advance{Lease(state_), is_jpeg, std::move(frame), std::move(input)};
  });
}

Napi::Value Sequence::detect(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    const auto options = read_detect_options(info[0]);
    auto avoid = info[1].IsUndefined() ? Points{} : read_points(info[1], "avoid");
    check_idle("find corners");
    const uint64_t pixels = uint64_t(state_->width) * state_->height;
    auto mask = pixels > 0 ? read_mask(info[2], pixels) : Bytes{};  // without a frame it fails
    return Detect{Lease(state_), options, std::move(avoid), std::move(mask)};
  });
}

void Sequence::reset(const Napi::CallbackInfo&) {
  check_idle("reset");
  lk_sequence_reset(state_->handle);
  state_->width = state_->height = 0;
}

}  // namespace addon
