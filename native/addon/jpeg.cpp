#include "jpeg.h"

#include "call.h"
#include "values.h"

namespace addon {
namespace {

struct DecodeGrey {
  uint32_t max_pixels;
  Bytes jpeg;
  uint32_t width = 0, height = 0;
  std::unique_ptr<uint8_t[]> pixels{};

  // Of a frame that is too large no pixel is written, so it gets room for none;
  // the library says why it refuses it.
  Outcome run() {
    TextBuffer text;
    const int32_t status = lk_jpeg_info(jpeg.data, jpeg.length, &width, &height, text.data(),
                                        text.capacity());
    if (status != LK_OK) return text.outcome(status);
    const uint64_t all = uint64_t(width) * height;
    const uint32_t room = all > max_pixels ? 1 : uint32_t(all);
    pixels = make_room<uint8_t>(room);
    return text.outcome(lk_decode_grey(jpeg.data, jpeg.length, max_pixels, pixels.get(), width,
                                       room, &width, &height, text.data(), text.capacity()));
  }

  Napi::Value result(Napi::Env env) {
    auto made = Napi::Object::New(env);
    made.Set("width", width);
    made.Set("height", height);
    made.Set("data", copy_out(env, pixels, size_t(width) * height));
    return made;
  }
};

}  // namespace

Napi::Value jpeg_info(const Napi::CallbackInfo& info) {
  const auto jpeg = take_bytes(info[0], "jpeg");
  TextBuffer text;
  uint32_t width = 0, height = 0;
  const int32_t status =
      lk_jpeg_info(jpeg.data, jpeg.length, &width, &height, text.data(), text.capacity());
  if (status != LK_OK) throw error(info.Env(), text.outcome(status));
  auto made = Napi::Object::New(info.Env());
  made.Set("width", width);
  made.Set("height", height);
  return made;
}

Napi::Value decode_grey(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&](Abort&) {
    const uint32_t max_pixels = Fields(info[1], {"maxPixels"}).whole("maxPixels", LK_MAX_PIXELS);
    return DecodeGrey{max_pixels, take_bytes(info[0], "jpeg")};
  });
}

}  // namespace addon
