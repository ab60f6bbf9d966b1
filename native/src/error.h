// How functions inside the library fail: they throw an Error, and guarded() turns
// it into a status and a text. None crosses the C interface.
#pragma once

#include <cstdint>
#include <new>
#include <string>

#include "lkstream.h"

namespace lk {

struct Error {
  int32_t status;  // lk_status, never LK_OK
  std::string text;
};

[[noreturn]] void fail(int32_t status, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

// Runs the body; whatever it throws ends here, as a status. The text is reported.
template <class Report, class Body>
int32_t guarded(const Report& report, const Body& body) noexcept {
  try {
    body();
    return LK_OK;
  } catch (const Error& e) {
    report(e.text.c_str());
    return e.status;
  } catch (const std::bad_alloc&) {
    report("Cannot go on: no memory is left.");
    return LK_OUT_OF_MEMORY;
  } catch (const std::exception& e) {
    report(e.what());
    return LK_ENGINE_FAILED;
  } catch (...) {
    report("Cannot go on: the engine failed without saying why.");
    return LK_ENGINE_FAILED;
  }
}

}  // namespace lk
