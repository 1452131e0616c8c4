// Checks for the C++ tests: plain programs that count failures and return them.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace lamina::test {

inline int failures = 0;
inline long checks = 0;

inline void report(bool ok, const char* expression, const char* file, int line) {
  ++checks;
  if (ok) return;
  if (++failures <= 20) std::fprintf(stderr, "%s:%d: failed: %s\n", file, line, expression);
}

/// To be returned from main().
inline int result() {
  std::printf("%ld checks, %d failed\n", checks, failures);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace lamina::test

#define CHECK(condition) ::lamina::test::report(static_cast<bool>(condition), #condition, __FILE__, __LINE__)
#define CHECK_THROWS(expression, type)                                                \
  do {                                                                                \
    bool thrown = false;                                                              \
    try {                                                                             \
      (void)(expression);                                                             \
    } catch (const type&) {                                                           \
      thrown = true;                                                                  \
    }                                                                                 \
    ::lamina::test::report(thrown, #expression " throws " #type, __FILE__, __LINE__); \
  } while (false)
