// What both classes share.
#pragma once

#include <napi.h>

namespace addon {

// What one load of the addon keeps; every worker thread of Node loads it anew.
struct Classes {
  Napi::FunctionReference sequence;
};

// Symbol.dispose, where the runtime has it: then `using` closes.
inline Napi::Value dispose_symbol(Napi::Env env) {
  return env.Global().Get("Symbol").As<Napi::Object>().Get("dispose");
}

}  // namespace addon
