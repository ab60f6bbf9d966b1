#include "engine.h"

#include "call.h"
#include "classes.h"
#include "corners.h"
#include "flow.h"
#include "sequence.h"
#include "values.h"

namespace addon {
namespace {

struct GoodFeatures {
  std::shared_ptr<lk_engine> engine;
  lk_detect_options options;
  Image image;
  Bytes mask;
  Corners found{};

  Outcome run() {
    TextBuffer text;
    const uint32_t width = mask.data ? image.width : 0, height = mask.data ? image.height : 0;
    found.make_room_for(options, uint64_t(image.width) * image.height);
    return text.outcome(lk_good_features_to_track(
        engine.get(), image.pixels.data, image.width, image.height, image.stride, &options,
        mask.data, width, height, width, found.points.get(), found.scores.get(), found.capacity,
        &found.count, text.data(), text.capacity()));
  }

  Napi::Value result(Napi::Env env) {
    auto made = Napi::Object::New(env);
    found.copy_to(made);
    return made;
  }
};

struct OpticalFlow {
  std::shared_ptr<lk_engine> engine;
  Image prev, next;
  FlowInput input;
  FlowColumns found{};

  Outcome run() {
    TextBuffer text;
    found.make_room_for(input);
    return text.outcome(lk_optical_flow_pyr_lk(
        engine.get(), prev.pixels.data, prev.stride, next.pixels.data, next.stride, prev.width,
        prev.height, &input.options, input.points.data, count(input.points), input.guess.data,
        found.points.get(), found.status.get(), found.error.get(), found.fb.get(), text.data(),
        text.capacity()));
  }

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
  const Fields fields(info[0], "options");
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

Napi::Value Engine::open(const Napi::CallbackInfo& info) {
  const uint32_t max_pixels = Fields(info[0], "options").whole("maxPixels", LK_MAX_PIXELS);
  TextBuffer text;
  lk_sequence* made = nullptr;
  const int32_t status = lk_sequence_create(opened("open a sequence").get(), max_pixels, &made,
                                            text.data(), text.capacity());
  if (status != LK_OK) throw error(info.Env(), text.outcome(status));
  auto state = std::make_shared<SequenceState>(made);
  const auto object = info.Env().GetInstanceData<Classes>()->sequence.New({});
  Sequence::Unwrap(object)->own(std::move(state));
  return object;
}

Napi::Value Engine::good_features_to_track(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    const auto options = read_detect_options(info[1]);
    auto image = read_image(info[0], "image");
    auto mask = read_mask(info[2], uint64_t(image.width) * image.height);
    return GoodFeatures{opened("find corners"), options, std::move(image), std::move(mask)};
  });
}

Napi::Value Engine::calc_optical_flow_pyr_lk(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&] {
    auto prev = read_image(info[0], "prev"), next = read_image(info[1], "next");
    if (prev.width != next.width || prev.height != next.height)
      throw error(info.Env(), "invalid_argument",
                  "Cannot follow points between images of different sizes: allowed is one size");
    auto input = read_flow_input(info[2], info[3], info[4]);
    return OpticalFlow{opened("follow points"), std::move(prev), std::move(next),
                       std::move(input)};
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
