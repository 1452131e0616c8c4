// A stand-in for NVIDIA's cuBLASLt, for the emulation: the functions that lamina calls, on host memory, as
// strict as their documentation is. It counts the calls, and fails where a test asks for it.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/cublaslt/declarations.h"
#include "cuda/emulated_stream.h"

#define LAMINA_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using namespace lamina::cuda::cublaslt;

constexpr std::uint64_t kMagic = 0x1a317a;
constexpr std::size_t kVersion = 139900;  // 13.99.0: no real one
constexpr int kProposals = 3;

struct Layout {
  DataType type;
  std::int64_t rows, columns, leading;
};
struct Operation {
  ComputeType compute;
  std::int32_t transpose_a = 0, transpose_b = 0, epilogue = kEpilogueNothing;
  const void* bias = nullptr;
};
struct Preference {
  std::size_t workspace = 0;
  std::uint32_t alignment[4] = {256, 256, 256, 256};
};

struct State {
  std::mutex mutex;
  std::map<std::string, long> calls;
  std::string failing;  // which function
  Status status = kSuccess;
  long after = 0, times = 0;
  bool no_algorithm = false;
};
State& state() {
  static State* const the_state = new State;
  return *the_state;
}

/// Counts a call; whether it is to fail.
Status enter(const char* name) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  ++s.calls[name];
  if (s.failing != name || s.times == 0) return kSuccess;
  if (s.after > 0) {
    --s.after;
    return kSuccess;
  }
  --s.times;
  return s.status;
}

template <class T>
bool take(T& to, const void* value, std::size_t bytes) {
  if (bytes != sizeof to) return false;
  std::memcpy(&to, value, sizeof to);
  return true;
}

float from_bfloat16(std::uint16_t half) {
  const std::uint32_t bits = std::uint32_t{half} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
/// Ten bits after the leading one, to nearest, ties away from zero, as the conversion in the hardware.
float to_tf32(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isfinite(value)) bits = (bits + 0x1000) & ~std::uint32_t{0x1fff};
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

struct Operand {
  const void* data;
  DataType type;
  std::int64_t leading;
  bool transposed;
  double at(std::int64_t i, std::int64_t j) const {
    const std::int64_t place = transposed ? j + i * leading : i + j * leading;
    if (type == kBfloat16) return from_bfloat16(static_cast<const std::uint16_t*>(data)[place]);
    return to_tf32(static_cast<const float*>(data)[place]);
  }
};

/// One product, its arguments copied.
struct Call {
  Operand a, b;
  std::int64_t rows, columns, depth, leading;
  const float* bias;
  float* d;
  void* workspace;
  std::size_t workspace_bytes;

  static void run(void* memory) {
    const Call& c = *static_cast<const Call*>(memory);
    if (c.workspace_bytes > 0) std::memset(c.workspace, 0xcd, c.workspace_bytes);
    for (std::int64_t j = 0; j < c.columns; ++j) {
      for (std::int64_t i = 0; i < c.rows; ++i) {
        double sum = 0.0;
        for (std::int64_t l = 0; l < c.depth; ++l) sum += c.a.at(i, l) * c.b.at(l, j);
        const float product = static_cast<float>(sum);
        c.d[i + j * c.leading] = c.bias == nullptr ? product : product + c.bias[i];
      }
    }
  }
  static void drop(void* memory) { delete static_cast<Call*>(memory); }
};

/// What an algorithm was proposed for.
std::uint64_t fingerprint(const Operation& o, const Layout& a, const Layout& b, const Layout& d) {
  std::uint64_t hash = kMagic;
  for (const std::int64_t value :
       {std::int64_t{o.compute}, std::int64_t{o.transpose_a}, std::int64_t{o.transpose_b},
        std::int64_t{o.epilogue}, std::int64_t{a.type}, a.rows, a.columns, a.leading, std::int64_t{b.type},
        b.rows, b.columns, b.leading, std::int64_t{d.type}, d.rows, d.columns, d.leading}) {
    hash = (hash ^ static_cast<std::uint64_t>(value)) * 0x100000001b3;
  }
  return hash;
}

/// Whether shapes and types belong together.
bool fits(const Operation& o, const Layout& a, const Layout& b, const Layout& d) {
  const std::int64_t rows = o.transpose_a ? a.columns : a.rows, depth = o.transpose_a ? a.rows : a.columns;
  const std::int64_t other = o.transpose_b ? b.columns : b.rows, columns = o.transpose_b ? b.rows : b.columns;
  const ComputeType wanted = a.type == kBfloat16 ? kCompute32F : kCompute32FFastTf32;
  return rows == d.rows && columns == d.columns && depth == other && a.type == b.type && d.type == kFloat32 &&
         o.compute == wanted && rows > 0 && columns > 0 && depth > 0;
}

bool is_aligned(const void* pointer, std::uint64_t to) {
  return reinterpret_cast<std::uintptr_t>(pointer) % to == 0;
}

}  // namespace

// For tests: what fails from now on, and what was called.
LAMINA_EXPORT void fake_fail(const char* function, int status, long after, long times) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  s.failing = function;
  s.status = status;
  s.after = after;
  s.times = times;
}
LAMINA_EXPORT void fake_no_algorithm(int on) { state().no_algorithm = on != 0; }
LAMINA_EXPORT long fake_calls(const char* function) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  return s.calls[function];
}

LAMINA_EXPORT std::size_t cublasLtGetVersion() { return kVersion; }
LAMINA_EXPORT Status cublasLtCreate(Handle* handle) {
  if (const Status status = enter("Create"); status != kSuccess) return status;
  *handle = new std::uint64_t(kMagic);
  return kSuccess;
}
LAMINA_EXPORT Status cublasLtDestroy(Handle handle) {
  delete static_cast<std::uint64_t*>(handle);
  return kSuccess;
}

LAMINA_EXPORT Status cublasLtMatrixLayoutCreate(Handle* layout, DataType type, std::uint64_t rows,
                                                std::uint64_t columns, std::int64_t leading) {
  if (const Status status = enter("MatrixLayoutCreate"); status != kSuccess) return status;
  if ((type != kFloat32 && type != kBfloat16) || rows == 0 || columns == 0 ||
      leading < static_cast<std::int64_t>(rows)) {
    return kInvalidValue;
  }
  *layout = new Layout{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), leading};
  return kSuccess;
}
LAMINA_EXPORT Status cublasLtMatrixLayoutDestroy(Handle layout) {
  delete static_cast<Layout*>(layout);
  return kSuccess;
}

LAMINA_EXPORT Status cublasLtMatmulDescCreate(Handle* operation, ComputeType compute, DataType scale) {
  if (const Status status = enter("MatmulDescCreate"); status != kSuccess) return status;
  if (scale != kFloat32 || (compute != kCompute32F && compute != kCompute32FFastTf32)) return kInvalidValue;
  *operation = new Operation{compute};
  return kSuccess;
}
LAMINA_EXPORT Status cublasLtMatmulDescDestroy(Handle operation) {
  delete static_cast<Operation*>(operation);
  return kSuccess;
}
LAMINA_EXPORT Status cublasLtMatmulDescSetAttribute(Handle operation, Attribute attribute, const void* value,
                                                    std::size_t bytes) {
  if (const Status status = enter("MatmulDescSetAttribute"); status != kSuccess) return status;
  Operation& o = *static_cast<Operation*>(operation);
  bool good = false;
  if (attribute == kTransposeA) good = take(o.transpose_a, value, bytes) && (o.transpose_a & ~1) == 0;
  if (attribute == kTransposeB) good = take(o.transpose_b, value, bytes) && (o.transpose_b & ~1) == 0;
  if (attribute == kEpilogue) {
    good = take(o.epilogue, value, bytes) && (o.epilogue == kEpilogueNothing || o.epilogue == kEpilogueBias);
  }
  if (attribute == kBiasPointer) good = take(o.bias, value, bytes);
  return good ? kSuccess : kInvalidValue;
}

LAMINA_EXPORT Status cublasLtMatmulPreferenceCreate(Handle* preference) {
  if (const Status status = enter("MatmulPreferenceCreate"); status != kSuccess) return status;
  *preference = new Preference;
  return kSuccess;
}
LAMINA_EXPORT Status cublasLtMatmulPreferenceDestroy(Handle preference) {
  delete static_cast<Preference*>(preference);
  return kSuccess;
}
LAMINA_EXPORT Status cublasLtMatmulPreferenceSetAttribute(Handle preference, Attribute attribute,
                                                          const void* value, std::size_t bytes) {
  if (const Status status = enter("MatmulPreferenceSetAttribute"); status != kSuccess) return status;
  Preference& p = *static_cast<Preference*>(preference);
  if (attribute == kMostWorkspace) return take(p.workspace, value, bytes) ? kSuccess : kInvalidValue;
  if (attribute < kAlignmentA || attribute > kAlignmentD) return kInvalidValue;
  return take(p.alignment[attribute - kAlignmentA], value, bytes) ? kSuccess : kInvalidValue;
}

LAMINA_EXPORT Status cublasLtMatmulAlgoGetHeuristic(Handle handle, Handle operation, Handle a, Handle b,
                                                    Handle c, Handle d, Handle preference, int wanted,
                                                    HeuristicResult* results, int* found) {
  *found = 0;
  if (const Status status = enter("MatmulAlgoGetHeuristic"); status != kSuccess) return status;
  if (*static_cast<std::uint64_t*>(handle) != kMagic || c != d || wanted < 1) return kInvalidValue;
  const Operation& o = *static_cast<Operation*>(operation);
  const auto *la = static_cast<Layout*>(a), *lb = static_cast<Layout*>(b), *ld = static_cast<Layout*>(d);
  if (!fits(o, *la, *lb, *ld)) return kInvalidValue;
  if (o.epilogue == kEpilogueBias && o.bias == nullptr) return kInvalidValue;
  if (state().no_algorithm) return kSuccess;
  const Preference& p = *static_cast<Preference*>(preference);
  for (int i = 0; i < wanted && i < kProposals; ++i) {
    HeuristicResult& r = results[i];
    r = {};
    r.workspace_bytes = std::size_t(4096) << i;
    if (r.workspace_bytes > p.workspace) continue;
    r.state = kSuccess;
    r.waves = 1.0f;
    r.algorithm.data[0] = fingerprint(o, *la, *lb, *ld);
    for (int j = 0; j < 4; ++j) r.algorithm.data[1 + j] = p.alignment[j];
    r.algorithm.data[5] = r.workspace_bytes;
    *found = i + 1;
  }
  return kSuccess;
}

LAMINA_EXPORT Status cublasLtMatmul(Handle handle, Handle operation, const void* alpha, const void* a,
                                    Handle a_layout, const void* b, Handle b_layout, const void* beta,
                                    const void* c, Handle c_layout, void* d, Handle d_layout,
                                    const Algorithm* algorithm, void* workspace, std::size_t workspace_bytes,
                                    Stream stream) {
  if (const Status status = enter("Matmul"); status != kSuccess) return status;
  if (*static_cast<std::uint64_t*>(handle) != kMagic || stream == nullptr || algorithm == nullptr)
    return kInvalidValue;
  const Operation& o = *static_cast<Operation*>(operation);
  const Layout &la = *static_cast<Layout*>(a_layout), &lb = *static_cast<Layout*>(b_layout),
               &ld = *static_cast<Layout*>(d_layout);
  if (!fits(o, la, lb, ld) || c != d || c_layout != d_layout) return kInvalidValue;
  if (*static_cast<const float*>(alpha) != 1.0f || *static_cast<const float*>(beta) != 0.0f)
    return kInvalidValue;
  const std::uint64_t* const chosen = algorithm->data;
  if (chosen[0] != fingerprint(o, la, lb, ld)) return kInvalidValue;  // another product's algorithm
  if (!is_aligned(a, chosen[1]) || !is_aligned(b, chosen[2]) || !is_aligned(d, chosen[3]) ||
      !is_aligned(d, chosen[4]) || !is_aligned(workspace, 256) || workspace == nullptr ||
      workspace_bytes < chosen[5]) {
    return kInvalidValue;
  }
  const bool adds_bias = o.epilogue == kEpilogueBias;
  if (adds_bias && (o.bias == nullptr || !is_aligned(o.bias, 16))) return kInvalidValue;
  auto* const call = new Call{{a, la.type, la.leading, o.transpose_a != 0},
                              {b, lb.type, lb.leading, o.transpose_b != 0},
                              ld.rows,
                              ld.columns,
                              o.transpose_a ? la.rows : la.columns,
                              ld.leading,
                              adds_bias ? static_cast<const float*>(o.bias) : nullptr,
                              static_cast<float*>(d),
                              workspace,
                              workspace_bytes};
  static_cast<lamina::cuda::EmulatedStream*>(stream)->enqueue(&Call::run, &Call::drop, call);
  return kSuccess;
}
