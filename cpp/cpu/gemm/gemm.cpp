#include "cpu/gemm/gemm.h"

#include <algorithm>
#include <atomic>
#include <type_traits>

#include "core/buffer.h"
#include "core/threads.h"
#include "cpu/dispatch.h"
#include "cpu/gemm/plan.h"
#include "cpu/gemm/prefetch.h"
#include "cpu/optimizer/optimizer.h"
#include "numerics/order.h"

namespace lamina::cpu {

namespace {

/// Working space of the calling thread that is kept from call to call and only grows.
template <int kPurpose>
void* scratch(std::int64_t bytes) {
  thread_local Buffer buffer;
  if (static_cast<std::size_t>(bytes) > buffer.bytes()) {
    buffer = Buffer();
    buffer = Buffer(static_cast<std::size_t>(bytes));
  }
  return buffer.data();
}
constexpr int kOfTask = 0, kOfCall = 1;

template <class T>
const GemmFunctions<T>& functions() {
  if constexpr (std::is_same_v<T, float>) {
    return kernels().gemm->f32;
  } else {
    return kernels().gemm->f64;
  }
}
template <class T>
const ActivationKernelsOf<T>& activations() {
  if constexpr (std::is_same_v<T, float>) {
    return kernels().activation->f32;
  } else {
    return kernels().activation->f64;
  }
}

/// What follows the sum, on the caller's arrays.
template <class T>
struct Epilogue {
  T* c = nullptr;
  T* sum = nullptr;  // where sum + bias is stored first: c, or the place for it that the caller gave
  std::int64_t c_row = 0;
  const T* bias = nullptr;
  Activation activation;
  const T* saved = nullptr;
  std::int64_t saved_row = 0;
  Activation derivative_of;

  /// For the elements of C whose sum + bias has just been stored.
  void finish(std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) const {
    const bool backward = saved != nullptr;
    if (!backward && activation.kind == ActivationKind::linear && sum == c) return;
    if (columns == c_row && (!backward || columns == saved_row)) columns *= rows, rows = 1;
    const auto n = static_cast<std::size_t>(columns);
    for (std::int64_t i = row; i < row + rows; ++i) {
      T* to = c + i * c_row + column;
      if (backward) {
        activations<T>().backward(derivative_of, n, saved + i * saved_row + column, to, to);
      } else {
        activations<T>().forward(activation, n, sum + i * c_row + column, to);
      }
    }
  }
};

/// Which part of which product's B lies packed in the calling thread's working space.
struct PackedB {
  std::uint64_t product = 0;  // 0: none
  std::int64_t column = 0;

  bool operator==(const PackedB&) const = default;
};
PackedB& packed_b() {
  thread_local PackedB kept;
  return kept;
}
/// Names a product among all of the process, from 1 on.
std::uint64_t next_product_number() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

/// One product: its plan, its operands in the plan's roles, and what becomes of it.
template <class T>
struct Product {
  Plan plan;
  const T* a;
  const T* b;
  Epilogue<T> epilogue;
  const UpdateArguments* update = nullptr;  // what C is the gradient for: then it is not stored
  std::uint64_t number = 0;                 // of a product whose tasks share packed B, else 0
};

/// The plan for a product. Those of small products are kept: making one would take longer than it.
template <class T>
Plan plan_of(const ProductSize& size, bool may_use_threads) {
  struct Kept {
    ProductSize size;
    const GemmFunctions<T>* functions = nullptr;
    bool may_use_threads = false;
    Plan plan;
  };
  constexpr std::uint64_t places = 32;
  constexpr std::int64_t small = 1 << 20;  // multiply-adds
  const GemmFunctions<T>& f = functions<T>();
  const KernelTraits traits{f.lanes, f.nanoseconds, f.shape};
  if (size.m > small || size.n > small || size.k > small || size.m * size.n > small ||
      size.m * size.n * size.k > small) {
    return make_plan(size, traits, may_use_threads);
  }
  thread_local Kept kept[places];
  const auto number = [](std::int64_t n) { return static_cast<std::uint64_t>(n); };
  const std::uint64_t mixed = number(size.m) * 0x9e3779b97f4a7c15u + number(size.n) * 0xc2b2ae3d27d4eb4fu +
                              number(size.k) * 0x165667b19e3779f9u +
                              number(size.a_column) * 0x27d4eb2f165667c5u + number(size.b_column);
  Kept& place = kept[mixed >> 59];
  if (place.functions == &f && place.may_use_threads == may_use_threads && place.size == size) {
    return place.plan;
  }
  const Plan plan = make_plan(size, traits, may_use_threads);
  if (plan.lasts) place = {size, &f, may_use_threads, plan};
  return plan;
}

template <class T>
Product<T> make_product(const ProductSize& size, const T* a, const T* b, const Epilogue<T>& epilogue,
                        bool may_use_threads) {
  const Plan plan = plan_of<T>(size, may_use_threads);
  return {plan,
          plan.swapped ? b : a,
          plan.swapped ? a : b,
          epilogue,
          nullptr,
          plan.share_b ? next_product_number() : 0};
}

/// `unit` is a power of two.
std::int64_t rounded_up(std::int64_t n, std::int64_t unit) { return (n + unit - 1) & -unit; }

/// Where a task keeps what it needs besides the operands. Sizes are in elements.
template <class T>
struct Workspace {
  bool several_pieces, direct;
  bool has_b;  // packed B is there from this thread's last task
  T* b;        // first: it stays there until another task needs the place
  T* a;
  T* partials;
  T* result;

  Workspace(const Product<T>& product, const Range& range) {
    const GemmFunctions<T>& f = functions<T>();
    const Plan& plan = product.plan;
    const std::int64_t depth = range.end - range.begin;
    // Tasks differ by a row. All take the same place, so that none moves what the one before has left.
    const std::int64_t task_rows = (plan.size.m + plan.row_tasks - 1) / plan.row_tasks;
    const std::int64_t rows = std::min(plan.rows, task_rows);
    const std::int64_t columns = rounded_up(std::min(plan.columns, range.columns), f.lanes);
    const std::int64_t piece = std::min(plan.depth, depth);
    const auto bytes = static_cast<std::int64_t>(sizeof(T));
    several_pieces = piece < depth;
    // A single row of the transpose may be a column of C that lies as a row does.
    direct = product.update == nullptr && !plan.swapped;
    direct = direct || (plan.swapped && plan.size.m == 1 && product.epilogue.c_row == 1 &&
                        product.epilogue.bias == nullptr);

    std::int64_t size_a = 0, size_b = 0, size_result = 0;
    if (plan.pack_a) size_a = rounded_up((plan.keep_a ? task_rows * depth : rows * piece) + f.lanes, f.lanes);
    if (plan.pack_b) {
      const std::int64_t blocks = (range.columns + plan.columns - 1) / plan.columns;
      size_b = columns * (plan.keep_b ? depth : piece) * (plan.share_b ? blocks : 1);
    }
    if (!direct) size_result = rows * columns;
    const std::int64_t size_partials = plan.slots * (several_pieces ? rows * columns : f.largest_tile);
    const PackedB wanted{product.number, range.column};
    has_b = product.number != 0 && packed_b() == wanted;
    if (!has_b) packed_b() = PackedB();  // until the task has packed all of its own
    b = static_cast<T*>(scratch<kOfTask>((size_a + size_b + size_partials + size_result) * bytes));
    a = b + size_b;
    partials = a + size_a;
    result = partials + size_partials;
  }
};

template <class T>
void multiply_range(const Product<T>& product, const Range& range) {
  const GemmFunctions<T>& f = functions<T>();
  const Plan& plan = product.plan;
  const ProductSize& size = plan.size;
  const Epilogue<T>& epilogue = product.epilogue;
  const Workspace<T> work(product, range);
  const std::int64_t depth = range.end - range.begin;
  const T* const a = product.a + range.row * size.a_row + range.begin * size.a_column;
  const T* const b = product.b + range.begin * size.b_row + range.column * size.b_column;

  GemmBlock<T> block;
  block.shape = plan.shape;
  block.depth = depth;
  block.chunk = size.chunk;
  block.a_packed = plan.pack_a;
  block.b_packed = false;
  block.pack_b_to = nullptr;
  block.a_row = size.a_row;
  block.a_column = size.a_column;
  block.b_row = size.b_row;
  block.b_end = product.b + (size.k - 1) * size.b_row + size.n;
  block.partials = work.partials;
  block.slots = plan.slots;
  block.several_pieces = work.several_pieces;

  for (std::int64_t j = 0; j < range.columns; j += plan.columns) {
    block.columns = std::min(plan.columns, range.columns - j);
    const std::int64_t padded = rounded_up(block.columns, f.lanes);
    for (std::int64_t i = 0; i < range.rows; i += plan.rows) {
      block.rows = std::min(plan.rows, range.rows - i);
      const std::int64_t row = range.row + i, column = range.column + j;
      if (!work.direct) {
        block.c = work.result;
        block.c_row = block.columns;
      } else if (plan.swapped) {
        block.c = epilogue.sum + column;
        block.c_row = 0;
      } else {
        block.c = epilogue.sum + row * epilogue.c_row + column;
        block.c_row = epilogue.c_row;
      }
      block.bias = plan.swapped || epilogue.bias == nullptr ? nullptr : epilogue.bias + column;

      for (std::int64_t l = 0; l < depth; l += plan.depth) {
        block.begin = l;
        block.end = std::min(l + plan.depth, depth);
        block.chunk_index = l / size.chunk;
        const std::int64_t length = block.end - l;
        block.a = a + i * size.a_row + l * size.a_column;
        if (plan.prefetch_block_a && j == 0 && (!plan.prefetch_a || (i == 0 && l == 0))) {
          prefetch_block_a(size, block.rows, length, block.a);
        }
        const Place behind = place_behind(plan, range, {i, j, l});
        if (plan.prefetch_update && block.end == depth) {
          block.prefetch = read_by_update<T>(*product.update, size, row, block.rows, column, block.columns);
        } else if (plan.prefetch_a) {
          block.prefetch = block_of_a(plan, range, behind, a);
        } else {
          block.prefetch.count = 0;
        }
        if (plan.pack_a) {
          T* packed = work.a + (plan.keep_a ? i * depth + l * block.rows : 0);
          if (!plan.keep_a || j == 0) {
            f.pack_a(block.rows, length, plan.shape.strip, block.a, size.a_row, size.a_column, packed);
          }
          block.a = packed;
        }
        block.b = b + l * size.b_row + j * size.b_column;
        if (plan.pack_b) {
          T* packed = work.b + (plan.keep_b ? l * padded : 0);
          if (plan.share_b) packed += j / plan.columns * rounded_up(plan.columns, f.lanes) * depth;
          const bool again = work.has_b || (plan.keep_b && i > 0);
          block.b_packed = plan.pack_b_first || again;
          block.pack_b_to = block.b_packed ? nullptr : packed;
          if (plan.pack_b_first && !again) {
            f.pack_b(length, block.columns, plan.shape.panel, block.b, size.b_row, size.b_column, packed);
          }
          if (block.b_packed) block.b = packed;
        }
        // B is in the L2 cache once a block of rows has read it.
        const bool asks_b = plan.prefetch_b && !work.has_b;
        block.prefetch_b = asks_b && i == 0;
        block.b_behind = nullptr;
        if (asks_b && behind.i == 0 && behind.j < range.columns) {
          block.b_behind = b + behind.l * size.b_row + behind.j;
        }
        f.multiply(block);
      }

      if (product.update != nullptr) {
        const bool whole_rows = block.columns == size.n;
        const std::int64_t runs = whole_rows ? 1 : block.rows;
        const std::int64_t length = whole_rows ? block.rows * block.columns : block.columns;
        for (std::int64_t r = 0; r < runs; ++r) {
          update_range(*product.update, (row + r) * size.n + column, length, work.result + r * length);
        }
      } else if (!plan.swapped) {
        epilogue.finish(row, block.rows, column, block.columns);
      } else {
        if (!work.direct) {
          f.transpose(block.rows, block.columns, work.result, block.columns,
                      epilogue.bias == nullptr ? nullptr : epilogue.bias + row,
                      epilogue.sum + column * epilogue.c_row + row, epilogue.c_row);
        }
        epilogue.finish(column, block.columns, row, block.rows);
      }
    }
  }
  packed_b() = {product.number, range.column};
}

/// Task `task` of the plan's grid; with depth tasks, into its own partial product.
template <class T>
void run_task(const Product<T>& product, std::int64_t task, T* partial_products) {
  const Plan& plan = product.plan;
  const ProductSize& size = plan.size;
  if (plan.row_tasks * plan.column_tasks * plan.depth_tasks == 1) {
    return multiply_range(product, Range{0, size.m, 0, size.n, 0, size.k});
  }
  const std::int64_t lanes = functions<T>().lanes;
  const std::int64_t down = task % plan.row_tasks;
  const std::int64_t across = task / plan.row_tasks % plan.column_tasks;
  const std::int64_t deep = task / (plan.row_tasks * plan.column_tasks);
  const std::int64_t vectors = (size.n + lanes - 1) / lanes;

  Range range;
  range.row = part_begin(size.m, plan.row_tasks, down);
  range.rows = part_begin(size.m, plan.row_tasks, down + 1) - range.row;
  range.column = part_begin(vectors, plan.column_tasks, across) * lanes;
  range.columns = std::min(part_begin(vectors, plan.column_tasks, across + 1) * lanes, size.n) - range.column;
  range.begin = deep * plan.depth_per_task;
  range.end = std::min(range.begin + plan.depth_per_task, size.k);
  if (partial_products == nullptr) return multiply_range(product, range);

  Product<T> part = product;
  part.epilogue = Epilogue<T>();
  part.epilogue.c_row = plan.swapped ? size.m : size.n;
  part.epilogue.c = part.epilogue.sum = partial_products + deep * size.m * size.n;
  multiply_range(part, range);
}

/// Joins the partial products of the depth tasks by the binary tree, a row of C at a time: each is the
/// sum of a whole subtree.
template <class T>
void join_row(const Product<T>& product, T* partial_products, std::int64_t row) {
  const Plan& plan = product.plan;
  const Epilogue<T>& epilogue = product.epilogue;
  const std::int64_t columns = plan.swapped ? plan.size.m : plan.size.n;
  const std::int64_t elements = plan.size.m * plan.size.n;
  T* const first = partial_products + row * columns;
  for (std::int64_t step = 1; step < plan.depth_tasks; step *= 2) {
    for (std::int64_t p = 0; p + step < plan.depth_tasks; p += 2 * step) {
      T* to = first + p * elements;
      const T* from = to + step * elements;
      for (std::int64_t j = 0; j < columns; ++j) to[j] = to[j] + from[j];
    }
  }
  T* to = epilogue.sum + row * epilogue.c_row;
  for (std::int64_t j = 0; j < columns; ++j) {
    to[j] = epilogue.bias == nullptr ? first[j] : first[j] + epilogue.bias[j];
  }
  epilogue.finish(row, 1, 0, columns);
}

/// Computes `product` and, beside it, `other` (which has one task), if there is one.
template <class T>
void run_product(const Product<T>& product, const Product<T>* other = nullptr) {
  const Plan& plan = product.plan;
  const std::int64_t tasks = plan.row_tasks * plan.column_tasks * plan.depth_tasks;
  T* partial_products = nullptr;
  if (plan.depth_tasks > 1) {
    const std::int64_t elements = plan.depth_tasks * plan.size.m * plan.size.n;
    partial_products = static_cast<T*>(scratch<kOfCall>(elements * static_cast<std::int64_t>(sizeof(T))));
  }
  if (plan.threads <= 1) {
    if (other != nullptr) run_task(*other, 0, static_cast<T*>(nullptr));
    for (std::int64_t task = 0; task < tasks; ++task) run_task(product, task, partial_products);
  } else {
    const std::int64_t first = other != nullptr ? 1 : 0;
    const auto body = [&](std::int64_t task) {
      if (task < first) return run_task(*other, 0, static_cast<T*>(nullptr));
      run_task(product, task - first, partial_products);
    };
    threads::parallel_for(tasks + first, body, plan.threads);
  }
  if (partial_products != nullptr) {
    const std::int64_t rows = plan.swapped ? plan.size.n : plan.size.m;
    for (std::int64_t row = 0; row < rows; ++row) join_row(product, partial_products, row);
  }
}

/// A product without terms.
template <class T>
void store_empty_sums(const Epilogue<T>& epilogue, std::int64_t m, std::int64_t n) {
  for (std::int64_t i = 0; i < m; ++i) {
    T* to = epilogue.sum + i * epilogue.c_row;
    for (std::int64_t j = 0; j < n; ++j) to[j] = epilogue.bias == nullptr ? T(0) : T(0) + epilogue.bias[j];
  }
  for (std::int64_t i = 0; i < m; ++i) epilogue.finish(i, 1, 0, n);
}

void update_after(const GemmArguments& g) {
  UpdateArguments u = *g.update;
  u.gradients = g.c;
  update(u);
}

template <class T>
void run(const GemmArguments& g) {
  static constexpr T kOne = T(1);
  ProductSize size{g.m, g.n, g.k, g.a_row, g.a_column, g.b_row, g.b_column, g.c_row, 0, sizeof(T)};
  size.chunk = g.reduction == Reduction::rows ? numerics::kRowChunk : numerics::kDepthChunk;
  const T* const a = static_cast<const T*>(g.a);
  const T* const b = static_cast<const T*>(g.b);

  Epilogue<T> epilogue;
  epilogue.c = static_cast<T*>(g.c);
  epilogue.sum = g.pre_activation != nullptr ? static_cast<T*>(g.pre_activation) : epilogue.c;
  epilogue.c_row = g.c_row;
  epilogue.bias = static_cast<const T*>(g.bias);
  epilogue.activation = g.activation;
  epilogue.saved = static_cast<const T*>(g.saved);
  epilogue.saved_row = g.saved_row;
  epilogue.derivative_of = g.derivative_of;

  // The sums of B's columns are the product of a row of ones and B: fma(1, b, sum) is sum + b.
  ProductSize sums_size = size;
  sums_size.m = 1;
  sums_size.a_row = sums_size.a_column = 0;
  sums_size.c_row = g.n;
  Epilogue<T> sums;
  sums.c = sums.sum = static_cast<T*>(g.column_sums);
  sums.c_row = g.n;
  const bool wants_sums = g.column_sums != nullptr && g.n > 0;

  if (g.k == 0) {
    store_empty_sums(epilogue, g.m, g.n);
    if (wants_sums) store_empty_sums(sums, 1, g.n);
    if (g.update != nullptr) update_after(g);
    return;
  }
  if (g.n == 0 || (g.m == 0 && !wants_sums)) return;
  Product<T> row_of_ones;
  if (wants_sums) {
    row_of_ones = make_product(sums_size, &kOne, b, sums, g.m == 0);
    if (g.m == 0) return run_product(row_of_ones);
  }
  const Product<T>* const other = wants_sums ? &row_of_ones : nullptr;
  if (g.update != nullptr) {
    ProductSize consumed = size;
    consumed.consumed = true;
    Product<T> product = make_product(consumed, a, b, epilogue, true);
    if (!product.plan.swapped && product.plan.depth_tasks == 1) {
      product.update = g.update;
      return run_product(product, other);
    }
  }
  run_product(make_product(size, a, b, epilogue, true), other);
  if (g.update != nullptr) update_after(g);
}

}  // namespace

void gemm(const GemmArguments& arguments) {
  if (arguments.dtype == DType::float32) {
    run<float>(arguments);
  } else {
    run<double>(arguments);
  }
}

}  // namespace lamina::cpu
