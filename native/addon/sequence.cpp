#include "sequence.h"

#include "call.h"
#include "classes.h"
#include "corners.h"
#include "flow.h"
#include "submitted.h"
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

 private:
  std::shared_ptr<SequenceState> state_;
};

struct Advance {
  Lease sequence;
  Image frame;  // of a JPEG only the pixels, which are its bytes
  FlowInput input;
  FlowColumns found{};
  lk_completion done{};
  Submitted jobs{};  // last: it ends before what they use

  void submit(bool is_jpeg) {
    found.make_room_for(input);
    const lk_image image = is_jpeg ? lk_image{frame.pixels.data, frame.pixels.length, LK_JPEG,
                                              0, 0, 0, 0}
                                   : frame.library();
    jobs.submit(sequence->handle, found.job(input, image));
  }

  Outcome run() { return jobs.wait(done); }

  Napi::Value result(Napi::Env env) {
    const lk_frame& info = done.frame;
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
  lk_completion done{};
  Submitted jobs{};

  void submit() {
    found.make_room_for(options, uint64_t(sequence->width) * sequence->height);
    jobs.submit(sequence->handle,
                found.job(options, avoid, mask_of(mask, sequence->width, sequence->height)));
  }

  Outcome run() { return jobs.wait(done); }

  Napi::Value result(Napi::Env env) {
    found.count = done.detected.count;
    auto made = Napi::Object::New(env);
    found.copy_to(made);
    made.Set("detectMs", done.detected.detect_ms);
    return made;
  }
};

struct Take {
  Lease sequence;
  KeptSize size;
  Points points;
  std::unique_ptr<uint8_t[]> pixels{};
  lk_completion done{};
  Submitted jobs{};

  void submit() {
    pixels = make_room<uint8_t>(count(points) * size.bytes());
    lk_job job{};
    job.kind = LK_TAKE;
    job.windows = {points.data, nullptr,       pixels.get(), nullptr,    nullptr,
                   count(points), size.width, size.height,  0};
    jobs.submit(sequence->handle, job);
  }

  Outcome run() { return jobs.wait(done); }

  Napi::Value result(Napi::Env env) {
    auto made = Napi::Object::New(env);
    made.Set("pixels", copy_out(env, pixels, count(points) * size.bytes()));
    made.Set("takeMs", done.frame.track_ms);
    return made;
  }
};

struct Compare {
  Lease sequence;
  KeptSize size;
  Points points, found;
  Bytes pixels;
  std::unique_ptr<float[]> warps;
  std::unique_ptr<float[]> residuals{};
  lk_completion done{};
  Submitted jobs{};

  void submit() {
    residuals = make_room<float>(count(points));
    lk_job job{};
    job.kind = LK_COMPARE;
    // The library only reads the pixels here.
    job.windows = {points.data,     found.data,    const_cast<uint8_t*>(pixels.data),
                   warps.get(),     residuals.get(), count(points),
                   size.width,      size.height,   0};
    jobs.submit(sequence->handle, job);
  }

  Outcome run() { return jobs.wait(done); }

  Napi::Value result(Napi::Env env) {
    auto made = Napi::Object::New(env);
    made.Set("residuals", copy_out(env, residuals, count(points)));
    made.Set("warps", copy_out(env, warps, 6 * size_t(count(points))));
    made.Set("compareMs", done.frame.track_ms);
    return made;
  }
};

}  // namespace

Napi::Function Sequence::define(Napi::Env env) {
  std::vector<PropertyDescriptor> members = {
      InstanceMethod<&Sequence::advance>("advance", napi_default_method),
      InstanceMethod<&Sequence::detect>("detect", napi_default_method),
      InstanceMethod<&Sequence::take>("take", napi_default_method),
      InstanceMethod<&Sequence::compare>("compare", napi_default_method),
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
  return promised(info.Env(), [&](Abort& abort) {
    const auto options = read_flow_options(info[2], abort);
    const bool is_jpeg = info[0].IsTypedArray();
    const auto fields = is_jpeg ? ImageFields{} : read_image(info[0], "frame");
    auto input = take_flow_input(options, info[1], info[3]);
    Image frame;
    if (is_jpeg) frame.pixels = take_bytes(info[0], "frame");
    else frame = take_image(fields);
    check_idle("take a frame");
    Advance advance{Lease(state_), std::move(frame), std::move(input)};
    advance.submit(is_jpeg);
    abort.on_abort([state = state_] { lk_sequence_cancel(state->handle); });
    return advance;
  });
}

Napi::Value Sequence::detect(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&](Abort& abort) {
    const auto options = read_detect_options(info[0], abort);
    auto avoid = info[1].IsUndefined() ? Points{} : take_points(info[1], "avoid");
    check_idle("find corners");
    const uint64_t pixels = uint64_t(state_->width) * state_->height;
    auto mask = pixels > 0 ? take_mask(info[2], pixels) : Bytes{};  // without a frame it fails
    Detect detect{Lease(state_), options, std::move(avoid), std::move(mask)};
    detect.submit();
    abort.on_abort([state = state_] { lk_sequence_cancel(state->handle); });
    return detect;
  });
}

Napi::Value Sequence::take(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&](Abort& abort) {
    const auto size = read_kept_size(info[1], abort);
    auto points = take_points(info[0], "points");
    check_idle("take windows");
    Take take{Lease(state_), size, std::move(points)};
    take.submit();
    abort.on_abort([state = state_] { lk_sequence_cancel(state->handle); });
    return take;
  });
}

Napi::Value Sequence::compare(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&](Abort& abort) {
    const auto size = read_kept_size(info[2], abort);
    const Fields kept(info[1], "kept");
    const auto found = kept.get("found"), pixels = kept.get("pixels"), warps = kept.get("warps");
    auto points = take_points(info[0], "points");
    const size_t n = count(points);
    const auto from = take_floats(warps, "warps", 6 * uint64_t(n));
    auto places = take_floats(found, "found", 2 * uint64_t(n));
    auto windows = take_bytes(pixels, "pixels", n * size.bytes());
    check_idle("compare windows");
    auto own_warps = make_room<float>(6 * n);
    std::copy_n(from.data, 6 * n, own_warps.get());
    Compare compare{Lease(state_),     size,
                    std::move(points), std::move(places),
                    std::move(windows), std::move(own_warps)};
    compare.submit();
    abort.on_abort([state = state_] { lk_sequence_cancel(state->handle); });
    return compare;
  });
}

void Sequence::reset(const Napi::CallbackInfo&) {
  check_idle("reset");
  lk_job job{};
  job.kind = LK_RESET;
  lk_completion done;
  lk_sequence_run(state_->handle, &job, nullptr, &done);
  state_->width = state_->height = 0;
}

}  // namespace addon
