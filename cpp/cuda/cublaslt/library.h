// Finding and loading cuBLASLt. Nothing of it is loaded before a model asks for a precision that needs it.
#pragma once

#include <string>
#include <vector>

#include "cuda/cublaslt/declarations.h"

namespace lamina::cuda::cublaslt {

struct Library {
  Functions call;
  Handle handle;
  std::string path;
  std::size_t version;
};

/// Where the library may lie besides LAMINA_CUBLASLT and the loader's own places: files, best first.
void set_candidates(std::vector<std::string> paths);
/// The library, loaded by the first call that finds one: the file that the environment's LAMINA_CUBLASLT
/// names, else the candidates, else what the system's loader finds. StateError that says what to install.
const Library& library();
/// The version and path of the library in use, or that none is loaded.
std::string library_status();

/// StateError for what is not kSuccess; std::bad_alloc for kAllocFailed.
void check(Status status, const char* call, const std::string& about = "");

}  // namespace lamina::cuda::cublaslt
