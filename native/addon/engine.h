// The class `Engine`: opens sequences, and works on images that belong to none.
#pragma once

#include <napi.h>

#include <memory>

#include "lkstream.h"
#include "sequence.h"

namespace addon {

class Engine : public Napi::ObjectWrap<Engine> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit Engine(const Napi::CallbackInfo& info);

 private:
  Napi::Value open(const Napi::CallbackInfo& info);
  Napi::Value good_features_to_track(const Napi::CallbackInfo& info);
  Napi::Value detect(const Napi::CallbackInfo& info);
  Napi::Value calc_optical_flow_pyr_lk(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo&) { engine_.reset(); }

  Napi::Value name(const Napi::CallbackInfo& info);
  Napi::Value device(const Napi::CallbackInfo& info);
  Napi::Value variant(const Napi::CallbackInfo& info);

  Napi::Value find_corners(Napi::Value picture, Napi::Value options, Napi::Value mask);

  // Throws where the engine is closed, or refuses.
  std::shared_ptr<SequenceState> new_sequence(const char* action, uint32_t max_pixels);

  // Throws where the engine is closed.
  const std::shared_ptr<lk_engine>& opened(const char* action) const;

  std::shared_ptr<lk_engine> engine_;  // shared with running calls; null: closed
  std::string name_, device_, variant_;
};

}  // namespace addon
