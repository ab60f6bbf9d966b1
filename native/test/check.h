// Checks that print what failed, and a count of them for main() to return.
#pragma once

#include <cstdio>

inline int g_failures = 0;

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (!(condition)) {                                                           \
      std::printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);         \
      ++g_failures;                                                               \
    }                                                                             \
  } while (0)

#define CHECK_EQUAL(value, expected)                                              \
  do {                                                                            \
    const auto value_ = (value);                                                  \
    const auto expected_ = (expected);                                            \
    if (!(value_ == expected_)) {                                                 \
      std::printf("%s:%d: %s is %g, not %g\n", __FILE__, __LINE__, #value,        \
                  double(value_), double(expected_));                             \
      ++g_failures;                                                               \
    }                                                                             \
  } while (0)

inline int finish(const char* name) {
  std::printf("%s: %s\n", name, g_failures ? "FAILED" : "ok");
  return g_failures != 0;
}
