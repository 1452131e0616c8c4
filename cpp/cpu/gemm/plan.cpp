#include "cpu/gemm/plan.h"

#include <algorithm>

#include "core/threads.h"

namespace lamina::cpu {

namespace {

// Sizes that suit the caches of today's machines; they need not be exact.
constexpr std::int64_t kPieceDepth = 1024;       // a panel of B and a strip of A stay near
constexpr std::int64_t kCachedBytes = 1 << 20;   // an operand that stays near by itself
constexpr std::int64_t kPackedBytes = 4 << 20;   // what is packed once and kept
constexpr std::int64_t kBlockBytes = 512 << 10;  // a block of packed A
constexpr std::int64_t kLineBytes = 64;
constexpr std::int64_t kStripsToAlign = 32;  // loads across two lines cost less than a copy for fewer
constexpr std::int64_t kOnceBytes = 16 << 10;
constexpr std::int64_t kBlockColumns = 1024;
constexpr std::int64_t kResultBytes = 256 << 10;  // a block of C that is not stored directly

// Costs in the time of one multiply-add of vectors.
constexpr double kCopy = 0.25;       // an element copied
constexpr double kTransposed = 0.5;  // an element copied and transposed

std::int64_t pieces(std::int64_t total, std::int64_t each) { return (total + each - 1) / each; }

/// Strides of extents of one do not matter: chosen so that nothing needs to be copied.
ProductSize normalized(ProductSize size) {
  if (size.k == 1) size.a_column = 1, size.b_row = size.n;
  if (size.n == 1) size.b_column = 1;
  if (size.m == 1) size.a_row = 1;
  return size;
}

ProductSize transposed(const ProductSize& size) {
  ProductSize other = size;
  other.m = size.n, other.n = size.m;
  other.a_row = size.b_column, other.a_column = size.b_row;
  other.b_row = size.a_column, other.b_column = size.a_row;
  return other;
}

/// Whether rows of B can be read in whole vectors where they lie.
bool readable(const ProductSize& size) { return size.b_column == 1 && size.b_row >= size.n; }

double multiplications(const ProductSize& size, std::int64_t lanes) {
  return static_cast<double>(size.m) * static_cast<double>(pieces(size.n, lanes)) *
         static_cast<double>(size.k);
}

/// Rows and columns of C together in one vector's lanes: n or, with A and B exchanged, m.
bool better_swapped(const ProductSize& size, const ProductSize& other, std::int64_t lanes) {
  const double a = static_cast<double>(size.m) * static_cast<double>(size.k);
  const double b = static_cast<double>(size.n) * static_cast<double>(size.k);
  const double c = static_cast<double>(size.m) * static_cast<double>(size.n);
  const double direct = multiplications(size, lanes) + (readable(size) ? 0.0 : kTransposed * b);
  const double swapped =
      multiplications(other, lanes) + (readable(other) ? 0.0 : kTransposed * a) + 2.0 * kTransposed * c;
  return swapped < direct;
}

/// Rows so far apart that few cache sets hold them all, or each on a page of its own.
bool far_apart(std::int64_t stride, std::int64_t element_bytes) {
  const std::int64_t bytes = (stride < 0 ? -stride : stride) * element_bytes;
  return bytes >= 4096 || (bytes >= 1024 && bytes % 1024 == 0);
}

/// The grid of tasks that is done first, if each thread takes the next task when it is free.
void choose_grid(Plan& plan, const KernelTraits& kernels, std::int64_t tasks) {
  const ProductSize& size = plan.size;
  const std::int64_t vectors = pieces(size.n, kernels.lanes);
  const double pack_a = plan.pack_a ? kCopy : 0.0, pack_b = plan.pack_b ? kCopy : 0.0;
  double best = 0.0;
  for (std::int64_t across = 1; across <= std::min(vectors, tasks); ++across) {
    const std::int64_t down = std::min(pieces(tasks, across), size.m);
    const double rows = static_cast<double>(pieces(size.m, down));
    const double width = static_cast<double>(pieces(vectors, across));
    const double rounds = static_cast<double>(pieces(across * down, plan.threads));
    const double cost =
        rounds * (rows * width + rows * pack_a + width * static_cast<double>(kernels.lanes) * pack_b);
    if (best == 0.0 || cost < best) {
      best = cost;
      plan.row_tasks = down;
      plan.column_tasks = across;
    }
  }
}

}  // namespace

Plan make_plan(const ProductSize& asked, const KernelTraits& kernels, bool may_use_threads) {
  Plan plan;
  plan.size = normalized(asked);
  const ProductSize other = normalized(transposed(plan.size));
  if (better_swapped(plan.size, other, kernels.lanes)) {
    plan.swapped = true;
    plan.size = other;
  }
  const ProductSize& size = plan.size;
  const std::int64_t vectors = pieces(size.n, kernels.lanes);

  plan.shape = kernels.shape(size.m, size.n);
  const std::int64_t panels = pieces(vectors, plan.shape.panel);
  // A is read once for each panel. Its rows may lie apart at no cost; scattered columns cost, and
  // so do columns far apart, which evict each other from the first cache.
  const bool a_scattered = size.a_row != 1 && size.a_column != 1;
  const bool a_apart = size.a_column != 1 && far_apart(size.a_column, size.element_bytes);
  plan.pack_a = size.m > 1 && size.k >= 16 && panels > 3 && (a_scattered || a_apart);
  // B is read once for each strip: in place, if its rows are near each other or few strips use them.
  const std::int64_t b_row_bytes = size.b_row * size.element_bytes;
  const bool b_apart = size.n * size.k * size.element_bytes > kCachedBytes &&
                       far_apart(size.b_row, size.element_bytes);
  const bool b_misaligned = b_row_bytes % kLineBytes != 0 && size.m > kStripsToAlign * plan.shape.strip;
  plan.pack_b_first = !readable(size);
  plan.pack_b = plan.pack_b_first || b_apart || b_misaligned;

  // Threads, and what each takes.
  const double work = multiplications(size, kernels.lanes);
  plan.depth_per_task = size.k;
  if (may_use_threads) {
    const std::int64_t chunks = pieces(size.k, size.chunk);
    const std::int64_t outputs = pieces(size.m, plan.shape.strip) * vectors;
    const double cost = work * kernels.nanoseconds;
    plan.threads = threads::worthwhile(cost, outputs * chunks);
    if (plan.threads > 1) {
      // Large products in more tasks than threads, so that a thread held up elsewhere delays little.
      const double milliseconds = cost * 1e-6 / plan.threads;
      const std::int64_t each = milliseconds > 1.0 ? 4 : milliseconds > 0.2 ? 2 : 1;
      const std::int64_t tasks = plan.threads * each;
      choose_grid(plan, kernels, std::min(tasks, outputs));
      if (outputs < plan.threads && chunks > 1) {
        std::int64_t group = 1;
        while (pieces(chunks, 2 * group) * outputs >= plan.threads) group *= 2;
        plan.depth_per_task = group * size.chunk;
        plan.depth_tasks = pieces(size.k, plan.depth_per_task);
      }
    }
  }

  // Blocks within a task.
  const std::int64_t task_rows = pieces(size.m, plan.row_tasks);
  const std::int64_t task_columns = pieces(vectors, plan.column_tasks) * kernels.lanes;
  const std::int64_t task_depth = plan.depth_per_task;
  plan.pack_b = plan.pack_b_first || (plan.pack_b && task_rows > 2 * plan.shape.strip);
  plan.depth = std::min(task_depth, pieces(kPieceDepth, size.chunk) * size.chunk);
  const bool used_once = plan.pack_b_first && size.m <= plan.shape.strip;
  if (used_once) {
    // B is copied only to be read once: piece by piece, each still in the first cache.
    const std::int64_t width = std::min(plan.shape.panel * kernels.lanes, task_columns);
    plan.depth = std::min(plan.depth, std::max<std::int64_t>(16, kOnceBytes / (width * size.element_bytes)));
  }
  plan.rows =
      std::min(task_rows, std::max<std::int64_t>(16, kBlockBytes / (plan.depth * size.element_bytes)));
  plan.columns = std::min(task_columns, used_once ? plan.shape.panel * kernels.lanes : kBlockColumns);
  const bool apart = plan.depth < task_depth || plan.swapped;
  if (apart) {
    const std::int64_t most = kResultBytes / (plan.rows * size.element_bytes) / kernels.lanes * kernels.lanes;
    plan.columns = std::min(plan.columns, std::max(most, 4 * kernels.lanes));
  }
  if (plan.pack_b && plan.rows < task_rows) {
    const std::int64_t most =
        kPackedBytes / (task_depth * size.element_bytes) / kernels.lanes * kernels.lanes;
    plan.columns = std::min(plan.columns, std::max(most, 4 * kernels.lanes));
  }
  const std::int64_t block_columns = pieces(plan.columns, kernels.lanes) * kernels.lanes;
  plan.keep_a = plan.columns < task_columns && task_rows * task_depth * size.element_bytes <= kPackedBytes;
  plan.keep_b = plan.rows < task_rows && block_columns * task_depth * size.element_bytes <= 2 * kPackedBytes;

  for (std::int64_t chunks = pieces(task_depth, size.chunk); chunks > 1; chunks = (chunks + 1) / 2)
    ++plan.slots;
  return plan;
}

}  // namespace lamina::cpu
