#include <stdexcept>

#include "cuda/gemm/gemm.h"
#include "cuda/gemm/tile.h"
#include "cuda/memory.h"

namespace lamina::cuda {
namespace {

/// How many tiles it takes to cover C.
template <class Tile>
std::int64_t tiles_for(std::int64_t rows, std::int64_t columns) {
  return pieces_of(rows, Tile::kRows) * pieces_of(columns, Tile::kColumns);
}

template <class Tile, class T>
void multiply(Product<T>& p) {
  const std::int64_t chunks = pieces_of(p.k, p.chunk), tiles = tiles_for<Tile>(p.rows(), p.n);
  // Groups as large as they may be, but for the multiprocessors that would have nothing to do.
  std::int64_t each = 1 << Tile::kLevels;
  while (each > 1 && tiles * pieces_of(chunks, each) < 2 * runtime::processors()) each /= 2;
  if (gemm_tuning().group_chunks > 0) each = gemm_tuning().group_chunks;
  if (chunks <= 1) each = 1;
  p.group_chunks = each;
  p.groups = chunks == 0 ? 1 : pieces_of(chunks, each);
  const Scratch partials(p.groups > 1 ? static_cast<std::size_t>(p.groups * p.rows() * p.n) * sizeof(T) : 0);
  p.partials = partials.as<T>();
  for_each_block(tiles * p.groups, Tile{p});
  if (p.groups > 1) for_each_item(p.rows() * p.n, JoinGroups<T>{p});
}

// The shapes: rows x columns of a tile. The two skinny ones are for a few rows (a prediction of one), and
// for a few columns (the last layer).
template <class T>
struct Tiles;
template <>
struct Tiles<float> {
  using Large = MultiplyTile<float, 8, 8, 16, 16, 8>;    // 128 x 128
  using Medium = MultiplyTile<float, 4, 4, 16, 16, 16>;  // 64 x 64
  using Small = MultiplyTile<float, 2, 2, 16, 16, 16>;   // 32 x 32
  using Flat = MultiplyTile<float, 1, 2, 8, 32, 32>;     // 8 x 64
  using Tall = MultiplyTile<float, 2, 1, 32, 8, 32>;     // 64 x 8
};
template <>
struct Tiles<double> {
  using Large = MultiplyTile<double, 4, 4, 16, 16, 8>;  // 64 x 64
  using Medium = Large;
  using Small = MultiplyTile<double, 2, 2, 16, 16, 16>;  // 32 x 32
  using Flat = MultiplyTile<double, 1, 1, 8, 32, 32>;    // 8 x 32
  using Tall = MultiplyTile<double, 1, 1, 32, 8, 32>;    // 32 x 8
};

template <class T>
int choose(const Product<T>& p) {
  if (gemm_tuning().tile >= 0) return gemm_tuning().tile;
  const std::int64_t rows = p.rows();
  if (rows <= 12) return 3;
  if (p.n <= 12) return 4;
  const std::int64_t enough = runtime::processors();
  if (tiles_for<typename Tiles<T>::Large>(rows, p.n) >= enough) return 0;
  if (tiles_for<typename Tiles<T>::Medium>(rows, p.n) >= enough) return 1;
  return 2;
}

template <class T>
Product<T> product_of(const GemmArguments& g) {
  Product<T> p{};
  p.m = g.m;
  p.n = g.n;
  p.k = g.k;
  p.chunk = g.reduction == Reduction::depth ? numerics::kDepthChunk : numerics::kRowChunk;
  p.a = in<T>(g.a);
  p.a_row = g.a_row;
  p.a_column = g.a_column;
  p.b = in<T>(g.b);
  p.b_row = g.b_row;
  p.b_column = g.b_column;
  p.c = out<T>(g.c);
  p.c_row = g.c_row;
  p.bias = in<T>(g.bias);
  p.activation = g.activation;
  p.pre_activation = out<T>(g.pre_activation);
  p.saved = in<T>(g.saved);
  p.saved_row = g.saved_row;
  p.of = g.derivative_of;
  p.column_sums = out<T>(g.column_sums);
  return p;
}

/// One number of C, of which the sum is there.
template <class T>
struct Finish {
  static constexpr const char* kName = "epilogue";
  Product<T> p;
  LAMINA_KERNEL void operator()(std::int64_t e) const {
    const std::int64_t i = e / p.n, j = e % p.n;
    p.store(i, j, p.c[i * p.c_row + j]);
  }
};

template <class T>
void gemm_as(const GemmArguments& g) {
  Product<T> p = product_of<T>(g);
  if (p.n == 0 || p.rows() == 0) return;
  switch (choose(p)) {
    case 0:
      return multiply<typename Tiles<T>::Large>(p);
    case 1:
      return multiply<typename Tiles<T>::Medium>(p);
    case 2:
      return multiply<typename Tiles<T>::Small>(p);
    case 3:
      return multiply<typename Tiles<T>::Flat>(p);
    default:
      return multiply<typename Tiles<T>::Tall>(p);
  }
}

}  // namespace

GemmTuning& gemm_tuning() {
  static GemmTuning tuning;
  return tuning;
}

void gemm(const GemmArguments& g) {
  if (g.update != nullptr) throw std::logic_error("this device fuses no updates");
  g.dtype == DType::float32 ? gemm_as<float>(g) : gemm_as<double>(g);
}

void apply_epilogue(const GemmArguments& g) {
  g.dtype == DType::float32 ? for_each_item(g.m * g.n, Finish<float>{product_of<float>(g)})
                            : for_each_item(g.m * g.n, Finish<double>{product_of<double>(g)});
}

}  // namespace lamina::cuda
