#include "abort.h"

#include "errors.h"

namespace addon {
namespace {

bool is_abort_signal(Napi::Value value) {
  if (!value.IsObject()) return false;
  const auto type = value.Env().Global().Get("AbortSignal");
  return type.IsFunction() && value.As<Napi::Object>().InstanceOf(type.As<Napi::Function>());
}

}  // namespace

Abort::Abort(Napi::Value signal) {
  if (signal.IsUndefined()) return;
  const auto env = signal.Env();
  if (!is_abort_signal(signal))
    throw error(env, "invalid_argument",
                "Cannot set signal to what is none: allowed are AbortSignals");
  const auto object = signal.As<Napi::Object>();
  if (object.Get("aborted").ToBoolean()) throw Napi::Error(env, object.Get("reason"));
  state_ = std::make_shared<State>();
  signal_ = Napi::Persistent(object);
  const auto listener = Napi::Function::New(env, [state = state_](const Napi::CallbackInfo&) {
    state->aborted = true;
    if (state->cancel) state->cancel();
  });
  listener_ = Napi::Persistent(listener);
  object.Get("addEventListener").As<Napi::Function>().Call(
      object, {Napi::String::New(env, "abort"), listener});
}

void Abort::on_abort(std::function<void()> cancel) {
  if (!state_) return;
  state_->cancel = std::move(cancel);
  if (state_->aborted) state_->cancel();
}

Napi::Value Abort::reason() const { return signal_.Value().Get("reason"); }

void Abort::forget() {
  if (listener_.IsEmpty()) return;
  state_->cancel = nullptr;
  const auto object = signal_.Value();
  object.Get("removeEventListener").As<Napi::Function>().Call(
      object, {Napi::String::New(object.Env(), "abort"), listener_.Value()});
  listener_.Reset();
}

}  // namespace addon
