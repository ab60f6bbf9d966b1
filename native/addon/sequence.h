// The class `Sequence`: the frames of one video.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

#include "lkstream.h"

namespace addon {

// A sequence's handle and what is known of it. It is shared with the call that
// runs, so that a close waits for that call.
struct SequenceState {
  explicit SequenceState(lk_sequence* handle) : handle(handle) {}
  ~SequenceState() { lk_sequence_destroy(handle); }
  SequenceState(const SequenceState&) = delete;

  lk_sequence* const handle;
  bool busy = false;
  uint32_t width = 0, height = 0;  // of the current frame
};

class Sequence : public Napi::ObjectWrap<Sequence> {
 public:
  static Napi::Function define(Napi::Env env);

  // A closed sequence, until it gets its state.
  explicit Sequence(const Napi::CallbackInfo& info) : ObjectWrap(info) {}
  void own(std::shared_ptr<SequenceState> state) { state_ = std::move(state); }

 private:
  Napi::Value advance(const Napi::CallbackInfo& info);
  Napi::Value detect(const Napi::CallbackInfo& info);
  Napi::Value take(const Napi::CallbackInfo& info);
  Napi::Value compare(const Napi::CallbackInfo& info);
  void reset(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo&) { state_.reset(); }

  // Throws where the sequence is closed or a call runs.
  void check_idle(const char* action) const;

  std::shared_ptr<SequenceState> state_;  // null: closed
};

}  // namespace addon
