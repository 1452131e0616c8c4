#include "cpu/gemm/plan.h"

#include <algorithm>

#include "core/threads.h"

namespace lamina::cpu {

namespace {

// Sizes that suit the caches of today's machines; they need not be exact.
constexpr std::int64_t kPieceDepth = 1024;         // a panel of B and a strip of A stay in L1 and L2
constexpr std::int64_t kCachedBytes = 1 << 20;     // an operand that stays in L2 by itself
constexpr std::int64_t kPackedBytes = 4 << 20;     // of B, packed once for all blocks of rows
constexpr std::int64_t kBlockBytes = 512 << 10;    // a block of packed A
constexpr std::int64_t kEvictedBytes = 512 << 10;  // an operand that others have evicted from L1 and L2
constexpr std::int64_t kLineBytes = 64;
constexpr std::int64_t kStripsToAlign = 32;  // loads across two lines cost less than a copy for fewer
constexpr std::int64_t kStripsToPack = 20;   // rows of B that lie apart are copied for more
constexpr std::int64_t kLongColumnBytes =
    1024;                                   // from here on a column of an A beyond L2 is a stream of its own
constexpr std::int64_t kApartBytes = 2048;  // so far
constexpr std::int64_t kFewStrips = 32;     // the first one, which waits for B, is much of the work
constexpr std::int64_t kStripsToPrefetch = 5;  // a block so high has strips for it below the first
constexpr std::int64_t kOnceBytes = 16 << 10;
constexpr std::int64_t kKeptBytes = 16 << 20;       // the same of A, for all blocks of columns
constexpr std::int64_t kBlockColumns = 240;         // a piece of a block of B stays in the L2 cache
constexpr std::int64_t kShortDepth = 256;           // leaves room for wide blocks
constexpr std::int64_t kPackedBlockColumns = 1024;  // where A is packed again for each block
constexpr std::int64_t kResultBytes = 256 << 10;    // a block of C that is not stored directly
constexpr std::int64_t kUpdatedBytes = 128 << 10;   // a block of C that is used at once
constexpr std::int64_t kCompetingBytes = 4096;  // rows multiples of this apart share few sets of the caches:
constexpr std::int64_t kUpdatedStrips = 4;      // the strips of such a block
constexpr std::int64_t kPartialProducts = 1 << 20;
constexpr std::int64_t kUpdateStreams = 3;  // parameters and the slots of Adam

// Costs in the time of one multiply-add of vectors.
constexpr double kCopy = 0.25;                 // an element copied
constexpr double kTransposed = 0.5;            // an element copied and transposed
constexpr double kElementFromL2 = 0.1;         // an element read for the first time from L2
constexpr double kElementFromMemory = 0.8;     // or from L3 or memory
constexpr double kPanelRow = 0.35;             // an element of A read again
constexpr double kJoined = 4.0;                // a vector of a partial product stored, read and added
constexpr double kNanosecondsPerByte = 0.026;  // an operand that streams from the last-level cache (LLC)
constexpr double kStoredByte = 0.04;           // nanoseconds: of C, which its last reader has had elsewhere
constexpr double kFewTasks = 0.08;             // the share that is lost if each thread has one task

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

/// What a task costs beside its multiplications, in multiply-adds for each of the depth's steps.
struct Overheads {
  double row_of_a = 0.0;     // for each row
  double row_a_panel = 0.0;  // for each row and panel: reading A again
  double vector_of_b = 0.0;  // for each vector of B
  double of(double rows, double vectors, double panels) const {
    return rows * (vectors + row_of_a + row_a_panel * panels) + vector_of_b * vectors;
  }
};

Overheads overheads_of(const Plan& plan, const KernelTraits& kernels) {
  const ProductSize& size = plan.size;
  const bool far_a = size.m * size.k * size.element_bytes > kCachedBytes;
  const bool far_b = size.n * size.k * size.element_bytes > kCachedBytes;
  Overheads o;
  o.row_of_a = (far_a ? kElementFromMemory : kElementFromL2) + (plan.pack_a ? kCopy : 0.0);
  o.row_a_panel = kPanelRow;
  o.vector_of_b = static_cast<double>(kernels.lanes) *
                  ((far_b ? kElementFromMemory : kElementFromL2) + (plan.pack_b ? kCopy : 0.0));
  return o;
}

/// The cut of C into a grid, or of the depth into pieces, that is done first when each thread takes the
/// next task as it becomes free: every task reads its rows of A and its columns of B for itself.
void choose_tasks(Plan& plan, const KernelTraits& kernels, int most_a_thread) {
  const ProductSize& size = plan.size;
  const Overheads overheads = overheads_of(plan, kernels);
  const std::int64_t vectors = pieces(size.n, kernels.lanes);
  const auto panels = [&](std::int64_t width) {
    return static_cast<double>(pieces(width, plan.shape.panel));
  };
  double best = 0.0;
  const auto better = [&](double cost, int each) {
    cost *= 1.0 + kFewTasks / each;  // a thread held up elsewhere delays less when tasks are many
    if (best != 0.0 && cost >= best) return false;
    best = cost;
    return true;
  };

  for (int each = 1; each <= most_a_thread; each *= 2) {
    const std::int64_t tasks = std::int64_t{plan.threads} * each;
    for (std::int64_t across = 1; across <= std::min(vectors, tasks); ++across) {
      const std::int64_t down = std::min(pieces(tasks, across), size.m);
      const std::int64_t rows = pieces(size.m, down), width = pieces(vectors, across);
      const auto rounds = static_cast<double>(pieces(across * down, plan.threads));
      const double steps = static_cast<double>(size.k);
      if (better(rounds * steps *
                     overheads.of(static_cast<double>(rows), static_cast<double>(width), panels(width)),
                 each)) {
        plan.row_tasks = down;
        plan.column_tasks = across;
      }
    }
  }

  // Pieces of the depth read nothing twice, but leave as many partial products.
  const std::int64_t chunks = pieces(size.k, size.chunk);
  const double all = overheads.of(static_cast<double>(size.m), static_cast<double>(vectors), panels(vectors));
  for (std::int64_t group = 1; group < chunks; group *= 2) {
    const std::int64_t tasks = pieces(chunks, group);
    if (tasks < plan.threads || tasks * size.m * size.n * size.element_bytes > kPartialProducts) continue;
    const double rounds = static_cast<double>(pieces(tasks, plan.threads));
    const double steps =
        std::min(rounds * static_cast<double>(group * size.chunk), static_cast<double>(size.k));
    const double join = static_cast<double>(tasks * size.m * vectors) * kJoined;
    if (better(steps * all + join, static_cast<int>(std::min(rounds, 4.0)))) {
      plan.row_tasks = plan.column_tasks = 1;
      plan.depth_per_task = group * size.chunk;
      plan.depth_tasks = tasks;
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
  // so do columns far apart, which evict each other from L1.
  const bool a_scattered = size.a_row != 1 && size.a_column != 1;
  const bool a_apart = size.a_column != 1 && (far_apart(size.a_column, size.element_bytes) ||
                                              (size.m * size.k * size.element_bytes >= kCachedBytes &&
                                               size.a_column * size.element_bytes >= kLongColumnBytes));
  plan.pack_a = size.m > 1 && size.k >= 16 && panels > 3 && (a_scattered || a_apart);
  plan.prefetch_block_a = !plan.pack_a && size.m * size.k * size.element_bytes > kEvictedBytes &&
                          (size.a_row == 1 || size.a_column == 1);
  // B is read once for each strip: in place, if its rows are near each other or few strips use them.
  const std::int64_t b_row_bytes = size.b_row * size.element_bytes;
  const bool b_apart =
      size.n * size.k * size.element_bytes > kCachedBytes && far_apart(size.b_row, size.element_bytes);
  const bool b_misaligned = b_row_bytes % kLineBytes != 0 && size.m > kStripsToAlign * plan.shape.strip;
  plan.pack_b_first = !readable(size);
  plan.pack_b = plan.pack_b_first || b_apart || b_misaligned;

  // Threads, and what each takes.
  const double work = multiplications(size, kernels.lanes);
  plan.depth_per_task = size.k;
  if (may_use_threads) {
    const std::int64_t chunks = pieces(size.k, size.chunk);
    const std::int64_t outputs = pieces(size.m, plan.shape.strip) * vectors;
    // Few rows leave the processor waiting for B.
    const auto bytes_of_b = static_cast<double>(size.n * size.k * size.element_bytes);
    const auto bytes_of_c = static_cast<double>(size.m * size.n * size.element_bytes);
    const double cost =
        std::max(work * kernels.nanoseconds, bytes_of_b * kNanosecondsPerByte) + bytes_of_c * kStoredByte;
    plan.threads = threads::worthwhile(cost, outputs * chunks);
    plan.lasts = !threads::may_be_worthwhile(cost);
    if (plan.threads > 1) {
      const double milliseconds = cost * 1e-6 / plan.threads;
      choose_tasks(plan, kernels, milliseconds > 1.0 ? 4 : milliseconds > 0.2 ? 2 : 1);
    }
  }

  // Blocks within a task.
  const std::int64_t task_rows = pieces(size.m, plan.row_tasks);
  const std::int64_t task_columns = pieces(vectors, plan.column_tasks) * kernels.lanes;
  const std::int64_t task_depth = plan.depth_per_task;
  const bool many_strips = task_rows > kStripsToPack * plan.shape.strip && b_row_bytes >= kApartBytes;
  plan.pack_b = plan.pack_b_first || (plan.pack_b && task_rows > 2 * plan.shape.strip) || many_strips;
  plan.depth = std::min(task_depth, pieces(kPieceDepth, size.chunk) * size.chunk);
  const bool used_once = plan.pack_b_first && size.m <= plan.shape.strip;
  if (used_once) {
    // B is copied only to be read once: piece by piece, each still in the L1 cache.
    const std::int64_t width = std::min(plan.shape.panel * kernels.lanes, task_columns);
    plan.depth = std::min(plan.depth, std::max<std::int64_t>(16, kOnceBytes / (width * size.element_bytes)));
  }
  const std::int64_t block_rows = kBlockBytes / (plan.depth * size.element_bytes);
  plan.rows =
      std::min(task_rows, std::max<std::int64_t>(16, block_rows / plan.shape.strip * plan.shape.strip));
  const bool may_keep_a = task_rows * task_depth * size.element_bytes <= kKeptBytes;
  plan.columns = std::min(task_columns, used_once                   ? plan.shape.panel * kernels.lanes
                                        : plan.depth <= kShortDepth ? kBlockColumns * kPieceDepth / plan.depth
                                        : plan.pack_a && !may_keep_a ? kPackedBlockColumns
                                                                     : kBlockColumns);
  const bool columns_together = size.a_row == 1 && size.a_column == size.m;
  const bool may_prefetch =
      plan.prefetch_block_a &&
      (plan.shape.can_prefetch || (columns_together && plan.shape.can_prefetch_by_columns));
  // Nothing prefetches the first block, and nothing else is lost with low blocks where B is one panel.
  if (may_prefetch && panels == 1 && !plan.swapped) plan.rows = std::min(plan.rows, plan.shape.strip);
  if (size.consumed) {
    const std::int64_t row_bytes = std::min(plan.columns, task_columns) * size.element_bytes;
    const std::int64_t most = kUpdatedBytes / row_bytes / plan.shape.strip * plan.shape.strip;
    const bool compete = plan.columns < size.n && size.n * size.element_bytes % kCompetingBytes == 0;
    const std::int64_t least = kUpdatedStrips * plan.shape.strip;
    plan.rows = std::min(plan.rows, compete ? least : std::max(most, least));
  }
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
  if (may_prefetch) {
    // Of a block of A that is one run tiles prefetch equal parts, otherwise for a run in each chunk.
    const std::int64_t block_vectors = pieces(std::min(plan.columns, task_columns), kernels.lanes);
    const std::int64_t tiles = pieces(block_vectors, plan.shape.panel) * pieces(plan.rows, plan.shape.strip);
    const bool by_rows = size.a_column == 1;
    const std::int64_t runs = by_rows ? plan.rows : plan.depth;
    const bool one_run = by_rows ? size.a_row == plan.depth : size.a_column == plan.rows;
    plan.prefetch_a = one_run || tiles * pieces(plan.depth, size.chunk) >= runs;
  }
  plan.prefetch_b = plan.shape.can_prefetch && !plan.pack_b_first &&
                    task_rows <= kFewStrips * plan.shape.strip &&
                    plan.rows >= kStripsToPrefetch * plan.shape.strip;
  if (size.consumed && plan.shape.can_prefetch) {
    const std::int64_t block_vectors = pieces(std::min(plan.columns, task_columns), kernels.lanes);
    const std::int64_t tiles = pieces(block_vectors, plan.shape.panel) * pieces(plan.rows, plan.shape.strip);
    plan.prefetch_update =
        plan.columns >= size.n || tiles * pieces(plan.depth, size.chunk) >= kUpdateStreams * plan.rows;
  }
  const std::int64_t block_columns = pieces(plan.columns, kernels.lanes) * kernels.lanes;
  plan.keep_a = plan.columns < task_columns && may_keep_a;
  plan.keep_b = plan.rows < task_rows && block_columns * task_depth * size.element_bytes <= 2 * kPackedBytes;

  // Tasks of the same columns follow each other: where they are more than the threads that work on these
  // columns, one thread takes several.
  const std::int64_t threads_a_column = std::max<std::int64_t>(1, plan.threads / plan.column_tasks);
  const std::int64_t blocks = pieces(task_columns, plan.columns);
  plan.share_b = plan.pack_b && plan.row_tasks > threads_a_column && plan.depth_tasks == 1 &&
                 blocks * block_columns * task_depth * size.element_bytes <= 2 * kPackedBytes;
  plan.keep_b = plan.keep_b || plan.share_b;

  for (std::int64_t chunks = pieces(task_depth, size.chunk); chunks > 1; chunks = (chunks + 1) / 2)
    ++plan.slots;
  return plan;
}

}  // namespace lamina::cpu
