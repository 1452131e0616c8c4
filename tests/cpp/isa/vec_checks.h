// What tests/cpp/isa/vec_checks.isa.cpp offers, once for every instruction set.
#pragma once

namespace lamina::test {

/// Called with the outcome of every check.
struct VecReport {
  void (*check)(const char* isa, const char* operation, int lanes, bool ok);
  unsigned char* end_of_memory;  ///< The bytes before it are ours (at least 64); one further byte faults.
};

}  // namespace lamina::test
