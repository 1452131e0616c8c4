// Runs a test once for every instruction set and several numbers of threads.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "check.h"
#include "core/threads.h"
#include "cpu/dispatch.h"

namespace lamina::test {

/// Calls body() in one child process for each instruction set, with LAMINA_ISA set to it (the choice is made
/// once in a process), and returns the test's exit status. Without fork(): only the one in use. Call it
/// first thing in main(). LAMINA_TEST_ISA, if set, is the only one to test (where each takes long: emulated).
template <class Body>
int for_each_isa(Body body) {
#if defined(__unix__) || defined(__APPLE__)
  bool good = true, some = false;
  const char* const only = std::getenv("LAMINA_TEST_ISA");
  for (const std::string& isa : cpu::available_isas()) {
    if (only != nullptr && isa != only) continue;
    std::fflush(nullptr);
    some = true;
    const pid_t child = fork();
    if (child == 0) {
      setenv("LAMINA_ISA", isa.c_str(), 1);
      report(isa == cpu::kernels().isa, "the instruction set is in use", __FILE__, __LINE__);
      body();
      std::printf("%s: ", isa.c_str());
      const int status = result();
      std::fflush(nullptr);
      _exit(status);
    }
    int status = 0;
    const bool ended = child > 0 && waitpid(child, &status, 0) == child;
    if (ended && WIFSIGNALED(status)) std::fprintf(stderr, "%s: signal %d\n", isa.c_str(), WTERMSIG(status));
    good = ended && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS && good;
  }
  return good && some ? EXIT_SUCCESS : EXIT_FAILURE;
#else
  body();
  return result();
#endif
}

/// Calls body() with 1, 2, 3 and 5 threads.
template <class Body>
void for_thread_counts(Body body) {
  for (const int n : {1, 2, 3, 5}) {
    threads::set_count(n);
    body();
  }
}

}  // namespace lamina::test
