#include "errors.h"

#include "lkstream.h"

namespace addon {
namespace {

const char* code_of(int32_t status) {
  switch (status) {
    case LK_INVALID_ARGUMENT: return "invalid_argument";
    case LK_OUT_OF_MEMORY: return "out_of_memory";
    case LK_BAD_FRAME: return "bad_frame";
    case LK_FRAME_TOO_LARGE: return "frame_too_large";
    case LK_NO_FRAME: return "no_frame";
    case LK_UNAVAILABLE: return "unavailable";
    case LK_CANCELLED: return "cancelled";
    default: return "engine_failed";
  }
}

}  // namespace

Napi::Error error(Napi::Env env, const char* code, const std::string& text) {
  auto made = Napi::Error::New(env, text);
  made.Set("code", Napi::String::New(env, code));
  return made;
}

Napi::Error error(Napi::Env env, const Outcome& outcome) {
  return error(env, code_of(outcome.status), outcome.text);
}

}  // namespace addon
