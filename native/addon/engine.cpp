#include "engine.h"

#include "call.h"
#include "classes.h"
#include "corners.h"
#include "flow.h"
#include "sequence.h"
#include "submitted.h"
#include "values.h"

namespace addon {
namespace {

// What belongs to no sequence is done on one of its own.
struct GoodFeatures {
  std::shared_ptr<SequenceState> sequence;
  lk_detect_options options;
  Image image;
  Bytes mask;
  Corners found{};
  lk_completion done{};
  Submitted jobs{};  // last: it ends before what they use

  void submit() {
    found.make_room_for(options, uint64_t(image.width) * image.height);
    jobs.submit(sequence->handle, FlowColumns{}.job({{21, 21, 0, 1, 0, 0, 0}, false, {}, {}}, image.library()));
    jobs.submit(sequence->handle,
                found.job(options, {}, mask_of(mask, image.width, image.height)));
  }

  Outcome run() { return jobs.wait(done); }

  Napi::Value result(Napi::Env env) {
    found.count = done.detected.count;
    auto made = Napi::Object::New(env);
    found.copy_to(made);
    return made;
  }
};

struct OpticalFlow {
  std::shared_ptr<SequenceState> sequence;
  Image prev, next;
  FlowInput input;
  FlowColumns found{};
  lk_completion done{};
  Submitted jobs{};

  void submit() {
    found.make_room_for(input);
    jobs.submit(sequence->handle,
                FlowColumns{}.job({input.options, false, {}, {}}, prev.library()));
    jobs.submit(sequence->handle, found.job(input, next.library()));
  }

  Outcome run() { return jobs.wait(done); }

  Napi::Value result(Napi::Env env) {
    auto made = Napi::Object::New(env);
    found.copy_to(made, count(input.points));
    return made;
  }
};

}  // namespace

Napi::Function Engine::define(Napi::Env env) {
  std::vector<PropertyDescriptor> members = {
      InstanceMethod<&Engine::open>("open", napi_default_method),
      InstanceMethod<&Engine::good_features_to_track>("goodFeaturesToTrack", napi_default_method),
      InstanceMethod<&Engine::calc_optical_flow_pyr_lk>("calcOpticalFlowPyrLK",
                                                        napi_default_method),
      // as OpenCV's CornersDetector and SparsePyrLKOpticalFlow name them
      InstanceMethod<&Engine::detect>("detect", napi_default_method),
      InstanceMethod<&Engine::calc_optical_flow_pyr_lk>("calc", napi_default_method),
      InstanceMethod<&Engine::close>("close", napi_default_method),
      InstanceAccessor<&Engine::name>("name", napi_enumerable),
      InstanceAccessor<&Engine::device>("device", napi_enumerable),
      InstanceAccessor<&Engine::variant>("variant", napi_enumerable),
  };
  if (const auto dispose = dispose_symbol(env); dispose.IsSymbol())
    members.push_back(
        InstanceMethod<&Engine::close>(dispose.As<Napi::Symbol>(), napi_default_method));
  return DefineClass(env, "Engine", members);
}

Engine::Engine(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Fields fields(info[0], {"kind", "variant"});
  const auto kind = fields.text("kind", "cpu"), variant = fields.text("variant", "");
  TextBuffer text;
  lk_engine* made = nullptr;
  const int32_t status =
      lk_engine_create(kind.c_str(), variant.c_str(), &made, text.data(), text.capacity());
  if (status != LK_OK) throw error(info.Env(), text.outcome(status));
  engine_.reset(made, lk_engine_destroy);
  name_ = lk_engine_name(made);
  device_ = lk_engine_device(made);
  variant_ = lk_engine_variant(made);
}

const std::shared_ptr<lk_engine>& Engine::opened(const char* action) const {
  if (!engine_)
    throw error(Env(), "closed", std::string("Cannot ") + action + ": the engine is closed");
  return engine_;
}

std::shared_ptr<SequenceState> Engine::new_sequence(const char* action, uint32_t max_pixels) {
  TextBuffer text;
  lk_sequence* made = nullptr;
  const int32_t status = lk_sequence_create(opened(action).get(), max_pixels, &made, text.data(),
                                            text.capacity());
  if (status != LK_OK) throw error(Env(), text.outcome(status));
  return std::make_shared<SequenceState>(made);
}

Napi::Value Engine::open(const Napi::CallbackInfo& info) {
  const uint32_t max_pixels = Fields(info[0], {"maxPixels"}).whole("maxPixels", LK_MAX_PIXELS);
  auto state = new_sequence("open a sequence", max_pixels);
  const auto object = info.Env().GetInstanceData<Classes>()->sequence.New({});
  Sequence::Unwrap(object)->own(std::move(state));
  return object;
}

Napi::Value Engine::good_features_to_track(const Napi::CallbackInfo& info) {
  return find_corners(info[0], info[1], info[2]);
}

Napi::Value Engine::detect(const Napi::CallbackInfo& info) {
  return find_corners(info[0], info[2], info[1]);
}

Napi::Value Engine::find_corners(Napi::Value picture, Napi::Value named, Napi::Value allowed) {
  return promised(Env(), [&](Abort& abort) {
    const auto options = read_detect_options(named, abort);
    const auto fields = read_image(picture, "image");
    auto image = take_image(fields);
    auto mask = take_mask(allowed, uint64_t(image.width) * image.height);
    auto sequence = new_sequence("find corners", LK_MAX_PIXELS);
    GoodFeatures task{sequence, options, std::move(image), std::move(mask)};
    task.submit();
    abort.on_abort([sequence] { lk_sequence_cancel(sequence->handle); });
    return task;
  });
}

Napi::Value Engine::calc_optical_flow_pyr_lk(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&](Abort& abort) {
    const auto options = read_flow_options(info[3], abort);
    const auto prev_fields = read_image(info[0], "prev"), next_fields = read_image(info[1], "next");
    if (prev_fields.width != next_fields.width || prev_fields.height != next_fields.height)
      throw error(info.Env(), "invalid_argument",
                  "Cannot follow points between images of different sizes: allowed is one size");
    auto input = take_flow_input(options, info[2], info[4]);
    auto prev = take_image(prev_fields), next = take_image(next_fields);
    auto sequence = new_sequence("follow points", LK_MAX_PIXELS);
    OpticalFlow task{sequence, std::move(prev), std::move(next), std::move(input)};
    task.submit();
    abort.on_abort([sequence] { lk_sequence_cancel(sequence->handle); });
    return task;
  });
}

Napi::Value Engine::name(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), name_);
}

Napi::Value Engine::device(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), device_);
}

Napi::Value Engine::variant(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), variant_);
}

}  // namespace addon
