#include "cpu/gather/gather.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "core/threads.h"
#include "cpu/dispatch.h"
#include "cpu/gather/layout.h"

namespace lamina::cpu {
namespace {

static_assert(static_cast<int>(ElementType::float64) + 1 == GatherKernels::kElementTypes);

// A task's share of elements, and what one costs.
constexpr std::int64_t kPiece = 1 << 15;
constexpr double kNanosecondsPerElement = 0.3;

// Arrays whose rows are interleaved (Fortran order) are read in tiles, so that a cache line serves all
// the rows of a tile.
constexpr std::int64_t kTileRows = 16;
constexpr std::int64_t kTileColumns = 16;

std::int64_t pieces_of(std::int64_t n, std::int64_t piece) { return (n + piece - 1) / piece; }

const unsigned char* bytes_of(const ArrayView& array) {
  return static_cast<const unsigned char*>(array.data);
}

void gather_as(const GatherRowsArguments& g, GatherKernels::Target target) {
  const ArrayView& source = *g.source;
  const auto convert = kernels().gather->convert[static_cast<int>(source.type)][target];
  const std::int64_t out_size = target == GatherKernels::to_float64 ? 8 : 4;
  const Layout layout = Layout::of_row(source);
  const Layout::Axis run = layout.run();
  const std::int64_t columns = layout.count(), row_stride = source.row_stride;
  if (g.rows == 0 || columns == 0) return;

  const auto source_row = [&](std::int64_t r) {
    return bytes_of(source) + (g.order != nullptr ? g.order[r] : g.first + r) * row_stride;
  };
  const auto out_at = [&](std::int64_t r, std::int64_t column) {
    return static_cast<unsigned char*>(g.out) + (r * columns + column) * out_size;
  };
  // Rows that follow each other in memory as their elements do are one run; so are single elements.
  const bool one_run =
      g.order == nullptr && layout.outer_axes() == 0 && (columns == 1 || row_stride == columns * run.stride);
  const bool interleaved =
      layout.outer_axes() == 0 && row_stride != 0 && std::llabs(row_stride) < std::llabs(run.stride);

  const auto gather_rows = [&](std::int64_t first, std::int64_t end) {
    if (one_run) {
      const std::int64_t stride = columns == 1 ? row_stride : run.stride;
      convert(source_row(first), stride, (end - first) * columns, out_at(first, 0));
    } else if (interleaved) {
      for (std::int64_t tile = first; tile < end; tile += kTileRows) {
        const std::int64_t tile_end = std::min(end, tile + kTileRows);
        for (std::int64_t c = 0; c < columns; c += kTileColumns) {
          const std::int64_t n = std::min(kTileColumns, columns - c);
          for (std::int64_t r = tile; r < tile_end; ++r) {
            convert(source_row(r) + c * run.stride, run.stride, n, out_at(r, c));
          }
        }
      }
    } else {
      for (std::int64_t r = first; r < end; ++r) {
        RunCursor cursor(layout, source_row(r), 0);
        for (std::int64_t c = 0; c < columns; c += run.extent, cursor.next()) {
          convert(cursor.at(), run.stride, run.extent, out_at(r, c));
        }
      }
    }
  };

  std::int64_t piece = std::max<std::int64_t>(1, kPiece / columns);
  if (interleaved) piece = pieces_of(piece, kTileRows) * kTileRows;
  const std::int64_t tasks = pieces_of(g.rows, piece);
  const double cost = kNanosecondsPerElement * static_cast<double>(g.rows) * static_cast<double>(columns);
  const int threads = threads::worthwhile(cost, tasks);
  if (threads <= 1) {
    gather_rows(0, g.rows);
    return;
  }
  threads::parallel_for(
      tasks, [&](std::int64_t task) { gather_rows(task * piece, std::min(g.rows, (task + 1) * piece)); },
      threads);
}

/// Calls scan(address, stride, n, index of the first) for stretches of at most kPiece elements that
/// together are the whole array, in parallel.
template <class Scan>
void scan_all(const Layout& layout, const unsigned char* base, const Scan& scan) {
  if (layout.count() == 0) return;
  const Layout::Axis run = layout.run();
  const std::int64_t pieces_per_run = pieces_of(run.extent, kPiece);
  const std::int64_t runs_per_task = std::max<std::int64_t>(1, kPiece / run.extent);
  const std::int64_t tasks =
      pieces_per_run > 1 ? layout.runs() * pieces_per_run : pieces_of(layout.runs(), runs_per_task);
  threads::parallel_for(
      tasks,
      [&](std::int64_t task) {
        if (pieces_per_run > 1) {
          const std::int64_t r = task / pieces_per_run, first = task % pieces_per_run * kPiece;
          scan(RunCursor(layout, base, r).at() + first * run.stride, run.stride,
               std::min(kPiece, run.extent - first), r * run.extent + first);
          return;
        }
        const std::int64_t first = task * runs_per_task, end = std::min(layout.runs(), first + runs_per_task);
        RunCursor cursor(layout, base, first);
        for (std::int64_t r = first; r < end; ++r, cursor.next()) {
          scan(cursor.at(), run.stride, run.extent, r * run.extent);
        }
      },
      threads::worthwhile(kNanosecondsPerElement * static_cast<double>(layout.count()), tasks));
}

}  // namespace

void gather_rows(const GatherRowsArguments& arguments) {
  gather_as(arguments,
            arguments.dtype == DType::float32 ? GatherKernels::to_float32 : GatherKernels::to_float64);
}

void gather_labels(const GatherRowsArguments& arguments) { gather_as(arguments, GatherKernels::to_int32); }

std::int64_t find_bad_label(const ArrayView& labels, const LabelRule& rule) {
  const auto find = kernels().gather->find_bad_label[static_cast<int>(labels.type)];
  const auto widen = kernels().gather->convert[static_cast<int>(labels.type)][GatherKernels::to_float64];
  const Layout layout = Layout::of(labels);
  const bool exceptions = rule.has_extra || rule.missing;
  const auto allowed = [&](const unsigned char* at) {
    double label;
    widen(at, 0, 1, &label);
    return (rule.missing && label != label) || (rule.has_extra && label == static_cast<double>(rule.extra));
  };
  std::atomic<std::int64_t> first_bad{layout.count()};
  scan_all(layout, bytes_of(labels),
           [&](const unsigned char* from, std::int64_t stride, std::int64_t n, std::int64_t index) {
             std::int64_t known = first_bad.load(std::memory_order_relaxed);
             if (index >= known) return;
             std::int64_t found = find(from, stride, n, rule.classes);
             while (found >= 0 && exceptions && allowed(from + found * stride)) {
               const std::int64_t next = found + 1;
               found = find(from + next * stride, stride, n - next, rule.classes);
               if (found >= 0) found += next;
             }
             if (found < 0) return;
             while (index + found < known && !first_bad.compare_exchange_weak(known, index + found)) {
             }
           });
  const std::int64_t found = first_bad.load();
  return found < layout.count() ? found : -1;
}

bool has_nan(const ArrayView& array) {
  const auto scan = kernels().gather->has_nan[static_cast<int>(array.type)];
  if (scan == nullptr) return false;
  std::atomic<bool> found{false};
  scan_all(Layout::of(array).in_memory_order(), bytes_of(array),
           [&](const unsigned char* from, std::int64_t stride, std::int64_t n, std::int64_t) {
             if (found.load(std::memory_order_relaxed)) return;
             if (scan(from, stride, n)) found.store(true, std::memory_order_relaxed);
           });
  return found.load();
}

}  // namespace lamina::cpu
