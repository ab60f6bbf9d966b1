// How functions inside the library fail: they throw an Error, and api.cpp turns
// it into a status and a text. None crosses the C interface.
#pragma once

#include <cstdint>
#include <string>

namespace lk {

struct Error {
  int32_t status;  // lk_status, never LK_OK
  std::string text;
};

[[noreturn]] void fail(int32_t status, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

}  // namespace lk
