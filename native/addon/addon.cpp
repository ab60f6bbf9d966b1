// The Node-API module `lkstream.node`: the C interface as classes and promises.
#include <napi.h>

#include <string>

#include "classes.h"
#include "engine.h"
#include "errors.h"
#include "jpeg.h"
#include "lkstream.h"
#include "sequence.h"

namespace addon {
namespace {

void check_equal(Napi::Env env, const std::string& what, uint32_t library, uint32_t ours) {
  if (library == ours) return;
  throw error(env, "abi_mismatch",
              "Cannot use the lkstream library: its " + what + " is " + std::to_string(library) +
                  ", this addon was built for " + std::to_string(ours));
}

// The library is a file of its own, which may be of another version.
void check_library(Napi::Env env) {
  check_equal(env, "ABI version", lk_abi_version(), LK_ABI_VERSION);
  check_equal(env, "size of lk_job", lk_sizeof_job(), sizeof(lk_job));
  check_equal(env, "size of lk_completion", lk_sizeof_completion(), sizeof(lk_completion));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  check_library(env);
  const auto sequence = Sequence::define(env);
  env.SetInstanceData(new Classes{Napi::Persistent(sequence)});
  exports.Set("Engine", Engine::define(env));
  exports.Set("Sequence", sequence);
  exports.Set("jpegInfo", Napi::Function::New<jpeg_info>(env, "jpegInfo"));
  exports.Set("decodeGrey", Napi::Function::New<decode_grey>(env, "decodeGrey"));
  return exports;
}

}  // namespace
}  // namespace addon

static Napi::Object init(Napi::Env env, Napi::Object exports) { return addon::init(env, exports); }
NODE_API_MODULE(lkstream, init)
