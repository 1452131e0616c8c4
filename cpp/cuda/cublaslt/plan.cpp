#include "cuda/cublaslt/plan.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/error.h"
#include "cuda/cublaslt/library.h"
#include "cuda/memory.h"
#include "cuda/runtime.h"

namespace lamina::cuda::cublaslt {

namespace {

constexpr std::size_t kMostPlans = 4096;
constexpr int kMostProposals = 32;

/// A descriptor of the library's.
class Descriptor {
 public:
  template <class Make>
  Descriptor(Destroy destroy, const char* call, const Make& make) : destroy_(destroy) {
    check(make(&handle_), call);
  }
  ~Descriptor() { destroy_(handle_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator Handle() const { return handle_; }

 private:
  Destroy destroy_;
  Handle handle_ = nullptr;
};

std::string name_of(const ProductShape& s) {
  return text(" for the product of ", s.columns, " x ", s.depth, " and ", s.depth, " x ", s.rows,
              " numbers, ", s.type == kBfloat16 ? "precision='bf16'" : "precision='tf32'");
}

/// op(X) is [rows, columns].
auto layout(const Functions& call, DataType type, bool transposed, std::int64_t rows, std::int64_t columns,
            std::int64_t leading) {
  return [=, &call](Handle* made) {
    return call.matrix_layout_create(made, type, static_cast<std::uint64_t>(transposed ? columns : rows),
                                     static_cast<std::uint64_t>(transposed ? rows : columns), leading);
  };
}

class Plan {
 public:
  Plan(const Library& library, const ProductShape& s, const void* bias)
      : library_(library),
        shape_(s),
        operation_(call().matmul_desc_destroy, "MatmulDescCreate",
                   [&](Handle* made) {
                     const ComputeType compute = s.type == kBfloat16 ? kCompute32F : kCompute32FFastTf32;
                     return call().matmul_desc_create(made, compute, kFloat32);
                   }),
        a_(call().matrix_layout_destroy, "MatrixLayoutCreate",
           layout(call(), s.type, s.a_transposed, s.rows, s.depth, s.a_leading)),
        b_(call().matrix_layout_destroy, "MatrixLayoutCreate",
           layout(call(), s.type, s.b_transposed, s.depth, s.columns, s.b_leading)),
        d_(call().matrix_layout_destroy, "MatrixLayoutCreate",
           layout(call(), kFloat32, false, s.rows, s.columns, s.d_leading)) {
    set(kTransposeA, s.a_transposed ? kTransposed : kNotTransposed);
    set(kTransposeB, s.b_transposed ? kTransposed : kNotTransposed);
    set(kEpilogue, s.bias ? kEpilogueBias : kEpilogueNothing);
    set_bias(bias);
    chosen_ = propose(1).front();
  }

  /// The library's proposals, best first; at least one.
  std::vector<HeuristicResult> propose(int most) const {
    const Descriptor preference(call().matmul_preference_destroy, "MatmulPreferenceCreate",
                                [&](Handle* made) { return call().matmul_preference_create(made); });
    const auto prefer = [&](Attribute attribute, auto value) {
      check(call().matmul_preference_set_attribute(preference, attribute, &value, sizeof value),
            "MatmulPreferenceSetAttribute");
    };
    prefer(kMostWorkspace, kWorkspaceBytes);
    prefer(kAlignmentA, shape_.a_alignment);
    prefer(kAlignmentB, shape_.b_alignment);
    prefer(kAlignmentC, shape_.d_alignment);
    prefer(kAlignmentD, shape_.d_alignment);
    std::vector<HeuristicResult> results(static_cast<std::size_t>(most));
    int found = 0;
    const Status status = call().matmul_algo_get_heuristic(library_.handle, operation_, a_, b_, d_, d_,
                                                           preference, most, results.data(), &found);
    if (status != kNotSupported) check(status, "MatmulAlgoGetHeuristic", name_of(shape_));
    results.resize(status == kSuccess ? static_cast<std::size_t>(found) : 0);
    std::erase_if(results, [](const HeuristicResult& r) {
      return r.state != kSuccess || r.workspace_bytes > kWorkspaceBytes;
    });
    if (results.empty()) {
      throw StateError(text("[cuda] cuBLASLt (", library_status(), ") has no algorithm", name_of(shape_)));
    }
    return results;
  }
  void use(const HeuristicResult& result) { chosen_ = result; }

  void run(const void* a, const void* b, const void* bias, float* d, void* workspace) {
    set_bias(bias);
    const float one = 1.0f, zero = 0.0f;
    check(call().matmul(library_.handle, operation_, &one, a, a_, b, b_, &zero, d, d_, d, d_,
                        &chosen_.algorithm, workspace, chosen_.workspace_bytes, runtime::stream_handle()),
          "Matmul", name_of(shape_));
  }

 private:
  const Functions& call() const { return library_.call; }
  template <class Value>
  void set(Attribute attribute, Value value) {
    check(call().matmul_desc_set_attribute(operation_, attribute, &value, sizeof value),
          "MatmulDescSetAttribute");
  }
  void set_bias(const void* bias) {
    if (shape_.bias) set(kBiasPointer, bias);
  }

  const Library& library_;
  ProductShape shape_;
  Descriptor operation_, a_, b_, d_;
  HeuristicResult chosen_{};
};

struct Plans {
  std::mutex mutex;  // descriptors hold the call's bias
  std::unique_ptr<Scratch> workspace;
  std::map<ProductShape, std::unique_ptr<Plan>> all;
  std::uint64_t made = 0;

  Plan& find(const ProductShape& shape, const void* bias) {
    const auto found = all.find(shape);
    if (found != all.end()) return *found->second;
    if (all.size() >= kMostPlans) all.clear();
    auto plan = std::make_unique<Plan>(library(), shape, bias);
    Plan& result = *all.emplace(shape, std::move(plan)).first->second;
    ++made;
    return result;
  }
};

Plans& plans() {
  static Plans* const the_plans = new Plans;  // never destroyed: the device's memory may be gone by then
  return *the_plans;
}

}  // namespace

void prepare() {
  Plans& p = plans();
  library();
  const std::lock_guard lock(p.mutex);
  if (p.workspace == nullptr) p.workspace = std::make_unique<Scratch>(kWorkspaceBytes);
}

void multiply(const ProductShape& shape, const void* a, const void* b, const void* bias, float* d) {
  Plans& p = plans();
  const std::lock_guard lock(p.mutex);
  p.find(shape, bias).run(a, b, bias, d, p.workspace->as<void>());
}

std::uint64_t plans_made() {
  Plans& p = plans();
  const std::lock_guard lock(p.mutex);
  return p.made;
}

int proposals(const ProductShape& shape, const void* bias) {
  Plans& p = plans();
  const std::lock_guard lock(p.mutex);
  return static_cast<int>(p.find(shape, bias).propose(kMostProposals).size());
}

void use_proposal(const ProductShape& shape, const void* bias, int place) {
  Plans& p = plans();
  const std::lock_guard lock(p.mutex);
  Plan& plan = p.find(shape, bias);
  plan.use(plan.propose(kMostProposals).at(static_cast<std::size_t>(place)));
}

}  // namespace lamina::cuda::cublaslt
