#include "cuda/cublaslt/library.h"

#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "core/error.h"

#if defined(_WIN32)
namespace {
// Only Linux's way of loading is written.
constexpr int RTLD_NOW = 0, RTLD_LOCAL = 0;
void* dlopen(const char*, int) { return nullptr; }
void* dlsym(void*, const char*) { return nullptr; }
void dlclose(void*) {}
const char* dlerror() { return "it is loaded on Linux only"; }
}  // namespace
#else
#include <dlfcn.h>
#endif

namespace lamina::cuda::cublaslt {

namespace {

constexpr std::size_t kOldest = 120000;  // major * 10000 + minor * 100 + patch

std::mutex loading;
std::vector<std::string> candidates;
std::unique_ptr<const Library> loaded;  // never unloaded

std::string version_text(std::size_t version) {
  return text(version / 10000, ".", version / 100 % 100, ".", version % 100);
}

const char* name_of_status(Status status) {
  switch (status) {
    case kNotInitialized:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case kAllocFailed:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case kInvalidValue:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case kArchMismatch:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case kMappingError:
      return "CUBLAS_STATUS_MAPPING_ERROR";
    case kExecutionFailed:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case kInternalError:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case kNotSupported:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    case kLicenseError:
      return "CUBLAS_STATUS_LICENSE_ERROR";
    default:
      return "an unknown status";
  }
}

/// Closes what was opened, unless it is kept.
struct Opened {
  void* library;
  ~Opened() {
    if (library != nullptr) dlclose(library);
  }
};

/// Null, and a reason, if the file cannot be used.
std::unique_ptr<const Library> open(const std::string& path, std::string* why) {
  Opened file{dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)};
  if (file.library == nullptr) {
    const char* const error = dlerror();
    *why = error != nullptr ? error : "it cannot be opened";
    if (why->starts_with(path + ": ")) why->erase(0, path.size() + 2);  // said by the caller
    return nullptr;
  }
  auto found = std::make_unique<Library>();
  found->path = path;
  const char* missing = nullptr;
  const auto take = [&](auto& function, const char* symbol) {
    void* const address = dlsym(file.library, symbol);
    if (address == nullptr && missing == nullptr) missing = symbol;
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(address);
  };
  Functions& call = found->call;
  take(call.create, "cublasLtCreate");
  take(call.destroy, "cublasLtDestroy");
  take(call.get_version, "cublasLtGetVersion");
  take(call.matrix_layout_create, "cublasLtMatrixLayoutCreate");
  take(call.matrix_layout_destroy, "cublasLtMatrixLayoutDestroy");
  take(call.matmul_desc_create, "cublasLtMatmulDescCreate");
  take(call.matmul_desc_destroy, "cublasLtMatmulDescDestroy");
  take(call.matmul_desc_set_attribute, "cublasLtMatmulDescSetAttribute");
  take(call.matmul_preference_create, "cublasLtMatmulPreferenceCreate");
  take(call.matmul_preference_destroy, "cublasLtMatmulPreferenceDestroy");
  take(call.matmul_preference_set_attribute, "cublasLtMatmulPreferenceSetAttribute");
  take(call.matmul_algo_get_heuristic, "cublasLtMatmulAlgoGetHeuristic");
  take(call.matmul, "cublasLtMatmul");
  if (missing != nullptr) {
    *why = text("it has no ", missing);
    return nullptr;
  }
  found->version = call.get_version();
  if (found->version < kOldest) {
    *why = text("version ", version_text(found->version), " is older than ", version_text(kOldest));
    return nullptr;
  }
  if (const Status status = call.create(&found->handle); status != kSuccess) {
    *why = text("cublasLtCreate: ", name_of_status(status));
    return nullptr;
  }
  file.library = nullptr;
  return found;
}

}  // namespace

void set_candidates(std::vector<std::string> paths) {
  const std::lock_guard lock(loading);
  candidates = std::move(paths);
}

const Library& library() {
  const std::lock_guard lock(loading);
  if (loaded != nullptr) return *loaded;
  std::string tried;
  const auto attempt = [&](const std::string& path) {
    std::string why;
    loaded = open(path, &why);
    if (loaded == nullptr) tried += text("; ", path, ": ", why);
    return loaded != nullptr;
  };
  const char* const named = std::getenv("LAMINA_CUBLASLT");
  if (named != nullptr && *named != '\0') {
    if (attempt(named)) return *loaded;
    throw StateError(
        text("[device] the file that LAMINA_CUBLASLT names is no cuBLASLt that can be used. Received: ",
             tried.substr(2)));
  }
  for (const std::string& path : candidates) {
    if (attempt(path)) return *loaded;
  }
  for (const char* const name : {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"}) {
    if (attempt(name)) return *loaded;
  }
  throw StateError(
      text("[device] precisions other than 'strict' need NVIDIA's cuBLASLt: `pip install nvidia-cublas` (for "
           "a driver "
           "of CUDA 12: nvidia-cublas-cu12), or name the file in the environment's LAMINA_CUBLASLT. Tried",
           tried.substr(1)));
}

std::string library_status() {
  const std::lock_guard lock(loading);
  if (loaded == nullptr) return "not loaded";
  return text(version_text(loaded->version), ", ", loaded->path);
}

void check(Status status, const char* call, const std::string& about) {
  if (status == kSuccess) return;
  if (status == kAllocFailed) throw std::bad_alloc();
  throw StateError(text("[cuda] cublasLt", call, ": ", name_of_status(status), " (", status, ")", about));
}

}  // namespace lamina::cuda::cublaslt
