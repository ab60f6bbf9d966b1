#include "error.h"

#include <cstdarg>
#include <cstdio>

namespace lk {

void fail(int32_t status, const char* format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  throw Error{status, text};
}

}  // namespace lk
