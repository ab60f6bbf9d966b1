// Failures as JavaScript sees them: an Error with a sentence and a `code`.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

namespace addon {

// How a call of the library ended.
struct Outcome {
  int32_t status;  // lk_status
  std::string text;
};

// The codes are those of index.d.ts, `ErrorCode`.
Napi::Error error(Napi::Env env, const char* code, const std::string& text);
Napi::Error error(Napi::Env env, const Outcome& outcome);

// Where the library writes its text when there is no sequence to keep it.
class TextBuffer {
 public:
  char* data() { return text_; }
  uint32_t capacity() const { return sizeof text_; }
  Outcome outcome(int32_t status) const { return {status, text_}; }

 private:
  char text_[512] = "";
};

}  // namespace addon
