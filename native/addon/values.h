// What JavaScript hands over, checked, in the library's terms. Nothing here
// knows what an option may be: ranges are the library's to check.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "abort.h"
#include "lkstream.h"

namespace addon {

// The elements of a typed array, which is held so that they stay where they
// are while another thread reads them.
template <class T>
struct View {
  Napi::Reference<Napi::Value> held;
  const T* data = nullptr;
  uint32_t length = 0;
};

using Bytes = View<uint8_t>;
using Points = View<float>;  // x, y pairs

inline uint32_t count(const Points& points) { return points.length / 2; }

// A picture as it is described; its pixels are taken later.
struct ImageFields {
  const char* name;
  uint32_t width, height, stride;
  Napi::Value data;
};

struct Image {
  Bytes pixels;
  uint32_t width = 0, height = 0, stride = 0;

  lk_image library() const {
    return {pixels.data, pixels.length, LK_GREY, width, height, stride, 0};
  }
};

// Values are read first, and buffers taken last: a getter among the values may do
// anything, and so resize or detach a buffer that was taken before it.
ImageFields read_image(Napi::Value value, const char* name);

Bytes take_bytes(Napi::Value value, const char* name);
Points take_points(Napi::Value value, const char* name);
// So many bytes, or floats, as a number of points needs.
Bytes take_bytes(Napi::Value value, const char* name, uint64_t length);
Points take_floats(Napi::Value value, const char* name, uint64_t length);
Image take_image(const ImageFields& fields);

// A mask has no stride: a byte a pixel of an image of this size. Undefined or null: no data.
Bytes take_mask(Napi::Value value, uint64_t pixels);

// The mask of an image of this size; without data, of any.
inline lk_image mask_of(const Bytes& mask, uint32_t width, uint32_t height) {
  if (!mask.data) return {};
  return {mask.data, mask.length, LK_GREY, width, height, width, 0};
}

// Named values of an object; a missing one, or a missing object, has its default.
class Fields {
 public:
  Fields(Napi::Value object, const char* what);
  // An object of options: a name that is none of these is refused, for it is a mistake.
  Fields(Napi::Value object, std::initializer_list<const char*> names);

  uint32_t whole(const char* name, uint32_t missing) const;
  float number(const char* name, float missing) const;
  bool flag(const char* name, bool missing) const;
  std::string text(const char* name, const char* missing) const;
  Napi::Value get(const char* name) const;

 private:
  Napi::Env env_;
  Napi::Object object_;  // empty: nothing is given
};

struct FlowOptions {
  lk_flow_options library;
  bool back;
};

// Sides of windows that are kept.
struct KeptSize {
  uint32_t width, height;

  size_t bytes() const {
    return size_t(width + LK_WINDOW_MARGIN) * size_t(height + LK_WINDOW_MARGIN);
  }
};

// All listen to a signal among the options.
KeptSize read_kept_size(Napi::Value value, Abort& abort);
FlowOptions read_flow_options(Napi::Value value, Abort& abort);
lk_detect_options read_detect_options(Napi::Value value, Abort& abort);

// Room for what the library writes, not filled with anything before.
template <class T>
std::unique_ptr<T[]> make_room(size_t n) {
  return std::make_unique_for_overwrite<T[]>(n);
}

// A typed array of JavaScript's own.
template <class T>
Napi::TypedArrayOf<T> copy_out(Napi::Env env, const std::unique_ptr<T[]>& from, size_t n) {
  auto array = Napi::TypedArrayOf<T>::New(env, n);
  if (n > 0) std::copy_n(from.get(), n, array.Data());
  return array;
}

}  // namespace addon
