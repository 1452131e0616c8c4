#include "cpu/gemm/kernels.h"
#include "cpu/gemm/pack.isa.h"
#include "cpu/gemm/shapes.isa.h"
#include "cpu/gemm/tile.isa.h"
#include "cpu/vec/vec.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

/// `vectors` vectors of B, of which `columns` elements are columns of C. Rows from `safe` on
/// are in `padded`. If there is `packed`, the first strip fills it for the others.
template <class T>
struct Panel {
  std::int64_t column, columns, vectors;
  const T* b;
  std::int64_t b_row;
  std::int64_t safe;
  const T* padded;
  T* packed;
  const T* behind;  // the panel of B after this one to prefetch, or null
};

/// Divides what a block prefetches among its tiles: of a stream that is one run as many bytes for each,
/// and otherwise a run for each chunk. A tile that is left without has none.
class Shares {
 public:
  template <class T>
  Shares(const GemmBlock<T>& block, std::int64_t panels) : streams_(block.prefetch) {
    if (streams_.count == 0) return;
    std::int64_t strips = (block.rows + block.shape.strip - 1) / block.shape.strip;
    if (block.prefetch_b) strips = strips > block.shape.panel ? strips - block.shape.panel : 1;
    const std::int64_t tiles = panels * strips;
    const std::int64_t length = block.end - block.begin;
    const std::int64_t bytes = streams_.runs * streams_.apart;
    if (streams_.together()) {
      const std::int64_t each = tiles < streams_.count ? 1 : tiles / streams_.count;  // tiles for a stream
      next_.step = bytes / (each * length) + 1;
      tile_ = bytes / each + 1;
    } else {
      const std::int64_t steps = length < block.chunk ? length : block.chunk;
      next_.step = streams_.bytes / steps + 1;
      next_.chunk = streams_.apart - next_.step * steps;
      tile_ = (length + block.chunk - 1) / block.chunk * streams_.apart;
    }
    tiles_ = (bytes + tile_ - 1) / tile_;
  }

  bool any() const { return left_ > 0 || stream_ < streams_.count; }
  Prefetch take() {
    if (left_ == 0) {
      next_.place = reinterpret_cast<std::uintptr_t>(streams_.streams[stream_++]);
      left_ = tiles_;
    }
    const Prefetch share = next_;
    --left_;
    next_.place += static_cast<std::uintptr_t>(tile_);
    return share;
  }

 private:
  const PrefetchStreams& streams_;
  Prefetch next_{0, 0, 0};
  int stream_ = 0;
  std::int64_t tile_ = 0;              // bytes from tile to tile
  std::int64_t tiles_ = 0, left_ = 0;  // for a stream, and of them for the present one
};

template <class T>
void multiply_panel(const GemmBlock<T>& block, const Panel<T>& panel, Shares& shares) {
  static constexpr Tiles<T> tiles = make_tiles<T>();
  constexpr std::int64_t lanes = VectorOf<T>::Type::lanes;
  const std::int64_t width = panel.vectors * lanes;

  Tile<T> t;
  t.a_row = block.a_row;
  t.a_column = block.a_column;
  t.columns_ahead = kColumnsAhead * block.a_column;
  t.depth = block.depth;
  t.chunk = block.chunk;
  t.c_row = block.c_row;
  t.bias = block.bias == nullptr ? nullptr : block.bias + panel.column;
  t.last = static_cast<std::size_t>(panel.columns - (width - lanes));

  // What is packed has strips of one height; otherwise each panel has its own.
  const std::int64_t strip = block.a_packed ? block.shape.strip : strip_of(panel.vectors);
  const std::int64_t strips = block.rows <= strip ? 1 : (block.rows + strip - 1) / strip;
  for (std::int64_t s = 0; s < strips; ++s) {
    const std::int64_t i = part_begin(block.rows, strips, s);
    const std::int64_t rows = part_begin(block.rows, strips, s + 1) - i;
    if (block.a_packed) {
      t.a = block.a + i * (block.end - block.begin);
      t.a_row = 1;
      t.a_column = rows;
      t.columns_ahead = kPackedColumnsAhead * rows;
    } else {
      t.a = block.a + i * block.a_row;
    }
    t.partials = block.partials;
    if (block.several_pieces) t.partials += (panel.column * block.rows + i * width) * block.slots;
    t.c = block.c + i * block.c_row + panel.column;
    // The strips below the first take a column of lines of the panel behind each.
    const bool prefetches_b = panel.behind != nullptr && s >= 1 && s <= panel.vectors;
    const bool can_prefetch = prefetches_b || shares.any();
    if (prefetches_b) {
      t.prefetch = {reinterpret_cast<std::uintptr_t>(panel.behind + (s - 1) * lanes),
                    block.b_row * static_cast<std::int64_t>(sizeof(T)), 0};
    } else if (can_prefetch) {
      t.prefetch = shares.take();
    }
    const auto& reading = (can_prefetch ? tiles.prefetching : tiles.of)[t.a_column != 1];
    const bool reads_packed = panel.packed != nullptr && s > 0;
    if (reads_packed) {
      t.b = panel.packed;
      t.b_row = width;
      t.begin = block.begin;
      t.end = block.end;
      t.chunk_index = block.chunk_index;
      reading[rows][panel.vectors](t);
      continue;
    }
    t.packed = panel.packed;
    const bool packs = panel.packed != nullptr;
    const typename Tiles<T>::Function function =
        packs ? tiles.packing[rows][panel.vectors] : reading[rows][panel.vectors];
    if (panel.safe > 0) {
      t.b = panel.b;
      t.b_row = panel.b_row;
      t.begin = block.begin;
      t.end = block.begin + panel.safe;
      t.chunk_index = block.chunk_index;
      function(t);
    }
    if (panel.padded != nullptr) {
      if (packs) t.packed += panel.safe * width;
      t.a += panel.safe * t.a_column;
      t.b = panel.padded;
      t.b_row = width;
      t.begin = block.begin + panel.safe;
      t.end = block.end;
      t.chunk_index = t.begin / t.chunk;
      function(t);
    }
  }
}

template <class T>
void multiply(const GemmBlock<T>& block) {
  constexpr std::int64_t lanes = VectorOf<T>::Type::lanes;
  const std::int64_t vectors = (block.columns + lanes - 1) / lanes;
  const std::int64_t panels =
      vectors <= block.shape.panel ? 1 : (vectors + block.shape.panel - 1) / block.shape.panel;
  const std::int64_t length = block.end - block.begin;
  T padded[16 * lanes];
  Shares shares(block, panels);

  for (std::int64_t p = 0; p < panels; ++p) {
    const std::int64_t first = part_begin(vectors, panels, p);
    Panel<T> panel;
    panel.vectors = part_begin(vectors, panels, p + 1) - first;
    panel.column = first * lanes;
    const std::int64_t width = panel.vectors * lanes;
    panel.columns = least(block.columns - panel.column, width);
    panel.safe = length;
    panel.padded = nullptr;
    panel.packed = nullptr;
    panel.behind = p + 1 == panels    ? block.b_behind
                   : block.prefetch_b ? block.b + panel.column + width
                                      : nullptr;
    if (block.b_packed) {
      panel.b = block.b + panel.column * length;
      panel.b_row = width;
    } else {
      panel.b = block.b + panel.column;
      panel.b_row = block.b_row;
      if (block.pack_b_to != nullptr) panel.packed = block.pack_b_to + panel.column * length;
      const std::int64_t reach = block.b_end - panel.b - width;
      if (panel.columns < width && reach < (length - 1) * block.b_row) {
        // Whole vectors would read behind B in its last rows. Rows are no shorter than C's: so it is
        // one row, or fewer rows than a vector has lanes, of one vector.
        panel.safe = reach < 0 ? 0 : reach / block.b_row + 1;
        pack_panel(length - panel.safe, panel.columns, width, panel.b + panel.safe * block.b_row, block.b_row,
                   std::int64_t{1}, padded);
        panel.padded = padded;
      }
    }
    multiply_panel(block, panel, shares);
  }
}

}  // namespace

extern const GemmKernels gemm_kernels;
const GemmKernels gemm_kernels = {
    {F32::lanes, largest_tile() * F32::lanes, kNanoseconds, &shape<float>, &multiply<float>, &pack_a<float>,
     &pack_b<float>, &transpose_block<float>},
    {F64::lanes, largest_tile() * F64::lanes, kNanoseconds, &shape<double>, &multiply<double>,
     &pack_a<double>, &pack_b<double>, &transpose_block<double>},
};

}  // namespace lamina::cpu::LAMINA_ISA
