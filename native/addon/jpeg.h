// JPEGs without a sequence.
#pragma once

#include <napi.h>

namespace addon {

Napi::Value jpeg_info(const Napi::CallbackInfo& info);
Napi::Value decode_grey(const Napi::CallbackInfo& info);

}  // namespace addon
