#include "values.h"

#include <cmath>
#include <string>

#include "errors.h"

namespace addon {
namespace {

std::string shown(Napi::Value value) {
  if (value.IsSymbol()) return "a symbol";
  if (value.IsObject()) return "an object";
  return value.ToString().Utf8Value();
}

Napi::Error refused(Napi::Value value, const std::string& name, const char* allowed) {
  return error(value.Env(), "invalid_argument",
               "Cannot set " + name + " to " + shown(value) + ": allowed are " + allowed);
}

uint32_t to_whole(Napi::Value value, const std::string& name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(number >= 0 && number <= UINT32_MAX) || number != std::floor(number))
    throw refused(value, name, "whole numbers from 0");
  return uint32_t(number);
}

template <class T>
View<T> read_view(Napi::Value value, const char* name, const char* allowed) {
  static const T nothing{};  // the library refuses null, but an empty list is none of that
  const auto array = value.As<Napi::TypedArrayOf<T>>();
  const size_t length = array.ElementLength();
  if (length > UINT32_MAX) throw refused(value, name, allowed);
  return {Napi::Reference<Napi::Value>::New(value, 1), length > 0 ? array.Data() : &nothing,
          uint32_t(length)};
}

bool is_typed_array(Napi::Value value, napi_typedarray_type type) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
}

}  // namespace

Bytes take_bytes(Napi::Value value, const char* name) {
  const char* allowed = "a Uint8Array of less than 4 GiB";
  if (!is_typed_array(value, napi_uint8_array) && !is_typed_array(value, napi_uint8_clamped_array))
    throw refused(value, name, allowed);
  return read_view<uint8_t>(value, name, allowed);
}

Points take_points(Napi::Value value, const char* name) {
  const char* allowed = "a Float32Array of x, y pairs";
  if (!is_typed_array(value, napi_float32_array)) throw refused(value, name, allowed);
  auto points = read_view<float>(value, name, allowed);
  if (points.length % 2 != 0) throw refused(value, name, allowed);
  return points;
}

namespace {

template <class T>
View<T> of_length(View<T> view, Napi::Value value, const char* name, uint64_t length) {
  if (view.length == length) return view;
  throw error(value.Env(), "invalid_argument",
              "Cannot take " + std::to_string(view.length) + " values as " + name +
                  ": the points need " + std::to_string(length));
}

}  // namespace

Bytes take_bytes(Napi::Value value, const char* name, uint64_t length) {
  return of_length(take_bytes(value, name), value, name, length);
}

Points take_floats(Napi::Value value, const char* name, uint64_t length) {
  return of_length(take_points(value, name), value, name, length);
}

ImageFields read_image(Napi::Value value, const char* name) {
  if (!value.IsObject()) throw refused(value, name, "objects of width, height and data");
  const Fields fields(value, name);
  const uint32_t width = to_whole(fields.get("width"), "width");
  const uint32_t height = to_whole(fields.get("height"), "height");
  return {name, width, height, fields.whole("stride", width), fields.get("data")};
}

Image take_image(const ImageFields& fields) {
  Image image{take_bytes(fields.data, "data"), fields.width, fields.height, fields.stride};
  if (image.width == 0 || image.height == 0) return image;  // the library refuses it
  const uint64_t needed = uint64_t(image.stride) * (image.height - 1) + image.width;
  if (image.pixels.length < needed)
    throw error(fields.data.Env(), "invalid_argument",
                "Cannot take " + std::to_string(image.pixels.length) + " bytes as " +
                    fields.name + ": its size needs " + std::to_string(needed));
  return image;
}

Bytes take_mask(Napi::Value value, uint64_t pixels) {
  if (value.IsUndefined() || value.IsNull()) return {};
  auto mask = take_bytes(value, "mask");
  if (mask.length != pixels)
    throw error(value.Env(), "invalid_argument",
                "Cannot take " + std::to_string(mask.length) + " bytes as mask: the image has " +
                    std::to_string(pixels) + " pixels");
  return mask;
}

Fields::Fields(Napi::Value object, const char* what) : env_(object.Env()) {
  if (object.IsUndefined()) return;
  if (!object.IsObject()) throw refused(object, what, "objects");
  object_ = object.As<Napi::Object>();
}

Fields::Fields(Napi::Value object, std::initializer_list<const char*> names)
    : Fields(object, "options") {
  if (object_.IsEmpty()) return;
  const auto given = object_.GetPropertyNames();
  for (uint32_t i = 0; i < given.Length(); ++i) {
    const auto name = given.Get(i).ToString().Utf8Value();
    std::string allowed;
    bool is_known = false;
    for (const char* known : names) {
      is_known |= name == known;
      if (!allowed.empty()) allowed += ", ";
      allowed += known;
    }
    if (!is_known) throw refused(object_.Get(name), name, ("the names " + allowed).c_str());
  }
}

Napi::Value Fields::get(const char* name) const {
  return object_.IsEmpty() ? env_.Undefined() : object_.Get(name);
}

uint32_t Fields::whole(const char* name, uint32_t missing) const {
  const auto value = get(name);
  return value.IsUndefined() ? missing : to_whole(value, name);
}

float Fields::number(const char* name, float missing) const {
  const auto value = get(name);
  if (value.IsUndefined()) return missing;
  if (!value.IsNumber()) throw refused(value, name, "numbers");
  return value.As<Napi::Number>().FloatValue();
}

bool Fields::flag(const char* name, bool missing) const {
  const auto value = get(name);
  if (value.IsUndefined()) return missing;
  if (!value.IsBoolean()) throw refused(value, name, "true and false");
  return value.As<Napi::Boolean>().Value();
}

std::string Fields::text(const char* name, const char* missing) const {
  const auto value = get(name);
  if (value.IsUndefined()) return missing;
  if (!value.IsString()) throw refused(value, name, "strings");
  return value.As<Napi::String>().Utf8Value();
}

namespace {

KeptSize read_window(const Fields& fields) {
  uint32_t window[] = {21, 21};
  const auto win_size = fields.get("winSize");
  if (!win_size.IsUndefined()) {
    if (!win_size.IsArray() || win_size.As<Napi::Array>().Length() != 2)
      throw refused(win_size, "winSize", "pairs of whole numbers");
    for (uint32_t i = 0; i < 2; ++i)
      window[i] = to_whole(win_size.As<Napi::Array>().Get(i), "winSize");
  }
  return {window[0], window[1]};
}

}  // namespace

KeptSize read_kept_size(Napi::Value value, Abort& abort) {
  const Fields fields(value, {"winSize", "signal"});
  const KeptSize size = read_window(fields);
  for (const uint32_t side : {size.width, size.height})
    if (side < LK_MIN_WINDOW || side > LK_MAX_APPEARANCE)  // room is taken for so many bytes
      throw error(value.Env(), "invalid_argument",
                  "Cannot set winSize to " + std::to_string(side) + ": allowed are 3 to 31");
  abort = Abort(fields.get("signal"));
  return size;
}

FlowOptions read_flow_options(Napi::Value value, Abort& abort) {
  const Fields fields(value, {"winSize", "maxLevel", "maxCount", "epsilon", "minEigThreshold",
                              "getMinEigenvals", "back", "signal"});
  const KeptSize window = read_window(fields);
  lk_flow_options library{};
  library.win_width = window.width;
  library.win_height = window.height;
  library.max_level = fields.whole("maxLevel", 3);
  library.max_count = fields.whole("maxCount", 30);
  library.epsilon = fields.number("epsilon", 0.01f);
  library.min_eig_threshold = fields.number("minEigThreshold", 1e-4f);
  library.flags = fields.flag("getMinEigenvals", false) ? LK_FLOW_GET_MIN_EIGENVALS : 0;
  const bool back = fields.flag("back", false);
  abort = Abort(fields.get("signal"));
  return {library, back};
}

lk_detect_options read_detect_options(Napi::Value value, Abort& abort) {
  const Fields fields(value, {"maxCorners", "qualityLevel", "minDistance", "blockSize",
                              "gradientSize", "useHarrisDetector", "k", "signal"});
  lk_detect_options library{};
  library.max_corners = fields.whole("maxCorners", 0);
  library.quality_level = fields.number("qualityLevel", 0.01f);
  library.min_distance = fields.number("minDistance", 1);
  library.block_size = fields.whole("blockSize", 3);
  library.gradient_size = fields.whole("gradientSize", 3);
  library.use_harris = fields.flag("useHarrisDetector", false);
  library.k = fields.number("k", 0.04f);
  abort = Abort(fields.get("signal"));
  return library;
}

}  // namespace addon
