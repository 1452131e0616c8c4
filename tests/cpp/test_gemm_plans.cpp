// Every way to compute a product gives the same bits: each tile of each instruction set's table,
// and plans that nobody would choose, against the text of the contract.
//
// This program brings its own make_plan(): the library's, altered by what a test sets. It
// stands in for the library's own, so the library needs no door for tests.
#define make_plan planned
#include "cpu/gemm/plan.cpp"
#undef make_plan

#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/threads.h"
#include "cpu/activation/activation.h"
#include "cpu/dispatch.h"
#include "cpu/gemm/gemm.h"
#include "device/names.h"
#include "each_isa.h"
#include "numbers.h"

namespace lamina::cpu {

namespace {

using Alter = std::function<void(Plan&, const KernelTraits&, bool may_use_threads)>;
Alter alter;
long plans_made = 0;

}  // namespace

Plan make_plan(const ProductSize& size, const KernelTraits& kernels, bool may_use_threads);
Plan make_plan(const ProductSize& size, const KernelTraits& kernels, bool may_use_threads) {
  Plan plan = planned(size, kernels, may_use_threads);
  ++plans_made;
  if (alter) alter(plan, kernels, may_use_threads);
  return plan;
}

namespace {

using lamina::test::Numbers;
using lamina::test::same_bits;

/// The product that is computed when the operands change places.
void swap_operands(Plan& plan) {
  plan.size = normalized(transposed(plan.size));
  plan.swapped = !plan.swapped;
}

/// What follows from the other fields of a plan.
void settle(Plan& plan) {
  plan.pack_b_first = plan.pack_b_first || !readable(plan.size);
  plan.pack_b = plan.pack_b || plan.pack_b_first;
  plan.slots = 1;
  for (std::int64_t chunks = pieces(plan.depth_per_task, plan.size.chunk); chunks > 1;
       chunks = (chunks + 1) / 2) {
    ++plan.slots;
  }
}

/// One task and one block, in pieces of `depth`.
void in_one_block(Plan& plan, std::int64_t depth) {
  plan.row_tasks = plan.column_tasks = plan.depth_tasks = 1;
  plan.threads = 1;
  plan.depth_per_task = plan.size.k;
  plan.depth = std::min(depth, plan.size.k);
  plan.rows = plan.size.m;
  plan.columns = plan.size.n;
  plan.keep_a = plan.keep_b = false;
}

template <class T>
const GemmFunctions<T>& functions() {
  if constexpr (sizeof(T) == 4) {
    return kernels().gemm->f32;
  } else {
    return kernels().gemm->f64;
  }
}

/// widest[r]: the vectors of the widest tile of r rows; the table ends with the highest tile.
template <class T>
std::vector<std::int64_t> tile_table() {
  constexpr std::int64_t wide = 720720;  // vectors: a multiple of every panel
  std::vector<std::int64_t> widest{0};
  for (std::int64_t rows = 1;; ++rows) {
    const GemmShape shape = functions<T>().shape(rows, wide * functions<T>().lanes);
    if (shape.strip<rows&& static_cast<std::int64_t>(widest.size())> shape.strip) return widest;
    widest.push_back(shape.panel);
  }
}

/// The contract: one element, from its terms.
template <class T>
T oracle(const T* a, std::int64_t a_step, const T* b, std::int64_t b_step, std::int64_t k,
         std::int64_t chunk) {
  std::vector<T> sums;
  for (std::int64_t begin = 0; begin < k; begin += chunk) {
    T sum = T(0);
    for (std::int64_t l = begin; l < std::min(k, begin + chunk); ++l) {
      sum = std::fma(a[l * a_step], b[l * b_step], sum);
    }
    sums.push_back(sum);
  }
  while (sums.size() > 1) {
    std::vector<T> next;
    for (std::size_t i = 0; i < sums.size(); i += 2) {
      next.push_back(i + 1 < sums.size() ? sums[i] + sums[i + 1] : sums[i]);
    }
    sums = next;
  }
  return sums.empty() ? T(0) : sums[0];
}

/// One product: operands, what the contract says, and room for what the kernels say.
template <class T>
struct Problem {
  std::int64_t m, n, k;
  std::vector<T> a, b, bias, saved, sum, sums, c, pre, column_sums;
  GemmArguments g;

  Problem(std::int64_t m_, std::int64_t n_, std::int64_t k_, bool a_down, bool b_down, Reduction reduction)
      : m(m_), n(n_), k(k_) {
    Numbers random(static_cast<std::uint64_t>(m * 1000003 + n * 1009 + k));
    a = random.numbers<T>(m * k), b = random.numbers<T>(k * n), bias = random.numbers<T>(n);
    saved = random.numbers<T>(m * n);
    const auto outputs = static_cast<std::size_t>(m * n);
    c.resize(outputs), pre.resize(outputs), sum.resize(outputs);
    column_sums.resize(static_cast<std::size_t>(n)), sums.resize(static_cast<std::size_t>(n));
    g.dtype = sizeof(T) == 4 ? DType::float32 : DType::float64;
    g.reduction = reduction;
    g.m = m, g.n = n, g.k = k;
    g.a = a.data(), g.a_row = a_down ? 1 : k, g.a_column = a_down ? m : 1;
    g.b = b.data(), g.b_row = b_down ? 1 : n, g.b_column = b_down ? k : 1;
    g.c = c.data(), g.c_row = n;
    const std::int64_t chunk = reduction == Reduction::rows ? 128 : 512;
    const std::vector<T> ones(static_cast<std::size_t>(k), T(1));
    for (std::int64_t j = 0; j < n; ++j) {
      const T* const column = b.data() + j * g.b_column;
      sums[static_cast<std::size_t>(j)] = oracle(ones.data(), 1, column, g.b_row, k, chunk);
      for (std::int64_t i = 0; i < m; ++i) {
        sum[static_cast<std::size_t>(i * n + j)] =
            oracle(a.data() + i * g.a_row, g.a_column, column, g.b_row, k, chunk);
      }
    }
  }

  /// The product alone.
  bool plain() {
    std::fill(c.begin(), c.end(), T(-77));
    gemm(g);
    return same_bits(c, sum);
  }
  /// Forward: bias, function and what went into it.
  bool forward(const Activation& f) {
    GemmArguments forward = g;
    forward.bias = bias.data();
    forward.activation = f;
    forward.pre_activation = pre.data();
    std::fill(c.begin(), c.end(), T(-77));
    std::fill(pre.begin(), pre.end(), T(-77));
    gemm(forward);
    std::vector<T> before(sum), wanted(sum.size());
    for (std::size_t i = 0; i < before.size(); ++i) before[i] = before[i] + bias[i % bias.size()];
    activate(g.dtype, f, m, n, before.data(), wanted.data());
    if (!same_bits(c, wanted) || !same_bits(pre, before)) return false;
    forward.pre_activation = nullptr;
    gemm(forward);
    return same_bits(c, wanted);
  }
  /// Backward: the derivative of the function below, and the columns' sums beside.
  bool backward(const Activation& f) {
    GemmArguments backward = g;
    backward.saved = saved.data();
    backward.saved_row = n;
    backward.derivative_of = f;
    backward.column_sums = column_sums.data();
    gemm(backward);
    std::vector<T> wanted(sum.size());
    activate_backward(g.dtype, f, m, n, saved.data(), sum.data(), wanted.data());
    return same_bits(c, wanted) && same_bits(column_sums, sums);
  }
};

void expect(bool equal, const std::string& what) {
  if (!equal) std::fprintf(stderr, "%s\n", what.c_str());
  CHECK(equal);
}

/// Every tile of the table, whole and with a rest, reading B in place, packing it on the way or before,
/// with A in place or packed, in one piece of the depth or several, and then prefetching for the next one.
template <class T>
void test_tiles() {
  const std::int64_t lanes = functions<T>().lanes;
  const std::vector<std::int64_t> widest = tile_table<T>();
  CHECK(widest.size() > 2);
  for (std::int64_t rows = 1; rows < static_cast<std::int64_t>(widest.size()); ++rows) {
    for (std::int64_t vectors = 1; vectors <= widest[static_cast<std::size_t>(rows)]; ++vectors) {
      for (const std::int64_t rest : {std::int64_t{0}, lanes - 3}) {
        // A by its rows, or by its columns.
        Problem<T> problem(rows, vectors * lanes - rest, 131, rest != 0, false, Reduction::rows);
        for (int way = 0; way < 18; ++way) {
          alter = [&](Plan& plan, const KernelTraits&, bool may_use_threads) {
            if (!may_use_threads) return;
            if (plan.swapped) swap_operands(plan);
            plan.shape.strip = rows;
            plan.shape.panel = vectors;
            plan.prefetch_a = way >= 12;
            plan.prefetch_b = plan.keep_a = way >= 12;
            plan.pack_a = way % 2 == 1;
            plan.pack_b = way / 2 % 3 >= 1;
            plan.pack_b_first = way / 2 % 3 == 2;
            in_one_block(plan, way < 6 ? plan.size.k : 50);
            settle(plan);
          };
          expect(problem.plain(), text("tile ", rows, " x ", vectors, ", rest ", rest, ", way ", way));
        }
      }
    }
  }
  alter = nullptr;
}

constexpr ActivationKind kKinds[] = {
    ActivationKind::linear,       ActivationKind::relu, ActivationKind::relu6,     ActivationKind::leaky_relu,
    ActivationKind::elu,          ActivationKind::selu, ActivationKind::celu,      ActivationKind::sigmoid,
    ActivationKind::hard_sigmoid, ActivationKind::tanh, ActivationKind::softplus,  ActivationKind::softsign,
    ActivationKind::silu,         ActivationKind::gelu, ActivationKind::gelu_tanh, ActivationKind::mish,
    ActivationKind::exponential};

Activation activation_of(ActivationKind kind) {
  Activation f;
  f.kind = kind;
  f.a = kind == ActivationKind::relu ? 0.0 : 0.5;
  if (kind == ActivationKind::relu) f.b = kUnbounded;
  return f;
}

/// Plans by lot: operands swapped or not, any shape, any packing, blocks, pieces and tasks of any size.
template <class T>
void test_plans(int count) {
  const std::vector<std::int64_t> widest = tile_table<T>();
  Numbers random(99);
  const auto upto = [&random](std::int64_t most) { return 1 + random.below(most < 1 ? 1 : most); };
  for (int round = 0; round < count; ++round) {
    const std::int64_t m = upto(round % 3 == 0 ? 4 : 70), n = upto(round % 5 == 0 ? 3 : 90);
    const std::int64_t k = upto(round % 4 == 0 ? 1400 : 200);
    const bool a_down = random.below(2) == 0, b_down = random.below(2) == 0;
    Problem<T> problem(m, n, k, a_down, b_down, random.below(2) == 0 ? Reduction::rows : Reduction::depth);
    const Activation f = activation_of(kKinds[random.below(std::size(kKinds))]);
    std::string chosen;
    for (int trial = 0; trial < 4; ++trial) {
      threads::set_count(static_cast<int>(upto(3)));
      const std::uint64_t seed = random.bits();
      alter = [&, seed](Plan& plan, const KernelTraits& traits, bool may_use_threads) {
        Numbers lot(seed);
        const auto below = [&lot](std::int64_t most) { return lot.below(most < 1 ? 1 : most); };
        if (below(2) == 0) swap_operands(plan);
        const ProductSize& size = plan.size;
        const std::int64_t vectors = pieces(size.n, traits.lanes);
        in_one_block(plan, size.k);
        plan.shape.strip = 1 + below(static_cast<std::int64_t>(widest.size()) - 1);
        plan.shape.panel = 1 + below(widest[static_cast<std::size_t>(plan.shape.strip)]);
        plan.pack_a = below(2) == 0;
        plan.pack_b = below(2) == 0;
        plan.pack_b_first = below(3) == 0;
        plan.prefetch_a = below(2) == 0;
        plan.prefetch_b = below(2) == 0;
        plan.keep_a = below(2) == 0;
        plan.keep_b = below(2) == 0;
        if (may_use_threads) {
          plan.threads = threads::count();
          plan.row_tasks = 1 + below(std::min<std::int64_t>(size.m, 4));
          plan.column_tasks = 1 + below(std::min<std::int64_t>(vectors, 4));
          if (below(3) == 0) plan.depth_per_task = (std::int64_t{1} << below(3)) * size.chunk;
          plan.depth_per_task = std::min(plan.depth_per_task, size.k);
          plan.depth_tasks = pieces(size.k, plan.depth_per_task);
        }
        plan.depth = 1 + below(plan.depth_per_task);
        plan.rows = 1 + below(size.m);
        plan.columns = (1 + below(vectors)) * traits.lanes;
        settle(plan);
        plan.share_b = below(2) == 0 && plan.pack_b && plan.depth_tasks == 1;
        plan.keep_b = plan.keep_b || plan.share_b;
        chosen = text(plan.swapped ? "swapped " : "", "strip ", plan.shape.strip, " panel ", plan.shape.panel,
                      " pack ", plan.pack_a, plan.pack_b, plan.pack_b_first, " prefetch ", plan.prefetch_a,
                      plan.prefetch_b, " keep ", plan.keep_a, plan.keep_b, plan.share_b, " block ", plan.rows,
                      " x ", plan.columns, " x ", plan.depth, " tasks ", plan.row_tasks, " x ",
                      plan.column_tasks, " x ", plan.depth_tasks, " threads ", plan.threads);
      };
      const bool equal = problem.plain() && problem.forward(f) && problem.backward(f);
      expect(equal, text(m, " x ", n, " x ", k, a_down ? " T" : " N", b_down ? "T " : "N ", name_of(f.kind),
                         ": ", chosen));
    }
    alter = nullptr;
    expect(problem.plain() && problem.forward(f) && problem.backward(f),
           text(m, " x ", n, " x ", k, ": own plan"));
  }
}

void test_all() {
  plans_made = 0;
  test_tiles<float>();
  test_tiles<double>();
  test_plans<float>(150);
  test_plans<double>(150);
  CHECK(plans_made > 1000);  // this program's make_plan was in charge
}

}  // namespace
}  // namespace lamina::cpu

int main() { return lamina::test::for_each_isa(lamina::cpu::test_all); }
