// One block's share of a matrix product. Included by gemm.cu.
//
// A block computes a tile of C over a group of chunks of the depth: 2^j neighbouring chunks, which is a
// subtree of the chunk tree. Within a chunk a thread's registers hold sums that grow term by term; at a
// chunk's end they are joined with what the levels of the binary counter hold. If there is one group, the
// block finishes C, else it leaves its partial sums for JoinGroups.
//
// The tiles of A and B pass through shared memory, two at a time: while one is multiplied, the next is
// on its way. The gradient of a bias is a row of C more, of which A's elements are ones: fma(1, b, sum) is
// sum + b.
#pragma once

#include "cuda/activation/functions.h"
#include "cuda/launch.h"
#include "device/arguments.h"

namespace lamina::cuda {
namespace {

template <class T>
struct Product {
  std::int64_t m, n, k, chunk;
  const T* a;
  std::int64_t a_row, a_column;
  const T* b;
  std::int64_t b_row, b_column;
  T* c;
  std::int64_t c_row;
  const T* bias;
  Activation activation;
  T* pre_activation;
  const T* saved;
  std::int64_t saved_row;
  Activation of;
  T* column_sums;  ///< row m of C, if there is one
  std::int64_t groups, group_chunks;
  T* partials;  ///< [groups, rows(), n] where there are several groups

  LAMINA_HOST_DEVICE std::int64_t rows() const { return m + (column_sums != nullptr ? 1 : 0); }

  /// Takes one finished sum.
  LAMINA_KERNEL void store(std::int64_t i, std::int64_t j, T sum) const {
    if (i == m) {
      column_sums[j] = sum;
      return;
    }
    if (saved != nullptr) {
      c[i * c_row + j] = derivative_of(of, saved[i * saved_row + j], sum);
      return;
    }
    const T z = bias != nullptr ? sum + bias[j] : sum;
    if (pre_activation != nullptr) pre_activation[i * c_row + j] = z;
    c[i * c_row + j] = value_of(activation, z);
  }
};

/// Up to 16 bytes, which shared memory hands over at once.
template <class T, int count>
struct alignas(count * sizeof(T)) Run {
  T value[count];
};

/// kTileRows x kTileColumns numbers a thread, kDown x kAcross threads, kDepth terms at a time.
template <class T, int kTileRows, int kTileColumns, int kDown, int kAcross, int kDepth>
struct MultiplyTile {
  static constexpr const char* kName = "gemm";
  static constexpr int kThreads = kDown * kAcross;
  static constexpr int kRows = kTileRows * kDown, kColumns = kTileColumns * kAcross;
  static constexpr int kRun = 16 / static_cast<int>(sizeof(T));
  static constexpr int kRunA = kTileRows < kRun ? kTileRows : kRun;
  static constexpr int kRunB = kTileColumns < kRun ? kTileColumns : kRun;
  static constexpr int kFetchA = kRows * kDepth / kThreads, kFetchB = kColumns * kDepth / kThreads;
  static constexpr int kParts = kTileRows / kRunA;  // C is stored in so many parts
  static constexpr int kLevels = 3;                 // of the binary counter: at most 8 chunks a group
  static_assert(kRows * kDepth % kThreads == 0 && kColumns * kDepth % kThreads == 0);
  static_assert(numerics::kRowChunk % kDepth == 0 && numerics::kDepthChunk % kDepth == 0);

  struct Operands {
    alignas(16) T a[2][kDepth][kRows + 4];
    alignas(16) T b[2][kDepth][kColumns + 4];
  };
  union Shared {
    Operands operands;
    T sums[kRunA * kDown][kColumns];
  };
  struct Registers {
    T sum[kTileRows][kTileColumns];
    T a[kFetchA], b[kFetchB];
  };
  struct Memory {
    T level[kLevels][kTileRows][kTileColumns];
  };

  Product<T> p;

  // Rows and columns of a thread lie in runs, the threads' runs side by side: neighbours read neighbouring
  // runs of shared memory.
  static LAMINA_KERNEL int row_of(int thread, int i) {
    return i / kRunA * (kRunA * kDown) + thread / kAcross * kRunA + i % kRunA;
  }
  static LAMINA_KERNEL int column_of(int thread, int j) {
    return j / kRunB * (kRunB * kAcross) + thread % kAcross * kRunB + j % kRunB;
  }

  /// Element e of the thread's share of a tile, so that neighbours read neighbouring numbers.
  static LAMINA_KERNEL void place(int element, int width, bool along_depth, int* at, int* l) {
    *l = along_depth ? element % kDepth : element / width;
    *at = along_depth ? element / kDepth : element % width;
  }
  LAMINA_KERNEL void fetch(int thread, Registers& r, std::int64_t row, std::int64_t column, std::int64_t l0,
                           std::int64_t end) const {
    const std::int64_t rows = p.rows();
    LAMINA_UNROLL
    for (int e = 0; e < kFetchA; ++e) {
      int at, l;
      place(e * kThreads + thread, kRows, p.a_column == 1, &at, &l);
      const std::int64_t i = row + at, term = l0 + l;
      T value = T(0);
      if (term < end && i < rows) value = i < p.m ? p.a[i * p.a_row + term * p.a_column] : T(1);
      r.a[e] = value;
    }
    LAMINA_UNROLL
    for (int e = 0; e < kFetchB; ++e) {
      int at, l;
      place(e * kThreads + thread, kColumns, p.b_column != 1, &at, &l);
      const std::int64_t j = column + at, term = l0 + l;
      r.b[e] = term < end && j < p.n ? p.b[term * p.b_row + j * p.b_column] : T(0);
    }
  }
  LAMINA_KERNEL void keep(int thread, const Registers& r, Operands& to, int buffer) const {
    LAMINA_UNROLL
    for (int e = 0; e < kFetchA; ++e) {
      int at, l;
      place(e * kThreads + thread, kRows, p.a_column == 1, &at, &l);
      to.a[buffer][l][at] = r.a[e];
    }
    LAMINA_UNROLL
    for (int e = 0; e < kFetchB; ++e) {
      int at, l;
      place(e * kThreads + thread, kColumns, p.b_column != 1, &at, &l);
      to.b[buffer][l][at] = r.b[e];
    }
  }
  /// One term of each sum.
  static LAMINA_KERNEL void add_term(int thread, Registers& r, const Operands& from, int buffer, int l) {
    T a[kTileRows], b[kTileColumns];
    LAMINA_UNROLL
    for (int i = 0; i < kTileRows; i += kRunA) {
      const auto run = *reinterpret_cast<const Run<T, kRunA>*>(&from.a[buffer][l][row_of(thread, i)]);
      LAMINA_UNROLL
      for (int x = 0; x < kRunA; ++x) a[i + x] = run.value[x];
    }
    LAMINA_UNROLL
    for (int j = 0; j < kTileColumns; j += kRunB) {
      const auto run = *reinterpret_cast<const Run<T, kRunB>*>(&from.b[buffer][l][column_of(thread, j)]);
      LAMINA_UNROLL
      for (int x = 0; x < kRunB; ++x) b[j + x] = run.value[x];
    }
    LAMINA_UNROLL
    for (int i = 0; i < kTileRows; ++i) {
      LAMINA_UNROLL
      for (int j = 0; j < kTileColumns; ++j) {
        r.sum[i][j] = numerics::builtin::fused(a[i], b[j], r.sum[i][j]);
      }
    }
  }
  template <class Body>
  static LAMINA_KERNEL void each_sum(const Body& body) {
    LAMINA_UNROLL
    for (int i = 0; i < kTileRows; ++i) {
      LAMINA_UNROLL
      for (int j = 0; j < kTileColumns; ++j) body(i, j);
    }
  }
  /// The end of chunk number `chunk` of the group's `chunks`.
  static LAMINA_KERNEL void end_chunk(Registers& r, Memory& memory, std::int64_t chunk, std::int64_t chunks) {
    if (chunks == 1) return;
    const int joins = numerics::joins_after(chunk);
    LAMINA_NO_UNROLL
    for (int level = 0; level < joins; ++level) {
      each_sum([&](int i, int j) { r.sum[i][j] = memory.level[level][i][j] + r.sum[i][j]; });
    }
    if (chunk + 1 < chunks) {
      each_sum([&](int i, int j) {
        memory.level[joins][i][j] = r.sum[i][j];
        r.sum[i][j] = T(0);
      });
      return;
    }
    LAMINA_NO_UNROLL
    for (int level = joins + 1; level < kLevels; ++level) {
      if ((chunks >> level & 1) == 0) continue;
      each_sum([&](int i, int j) { r.sum[i][j] = memory.level[level][i][j] + r.sum[i][j]; });
    }
  }

  LAMINA_KERNEL void operator()(Block<MultiplyTile>& block) const {
    const std::int64_t down = pieces_of(p.rows(), kRows), across = pieces_of(p.n, kColumns);
    const std::int64_t group = block.index / (down * across);
    const std::int64_t row = block.index % down * kRows, column = block.index / down % across * kColumns;
    const std::int64_t begin = group * p.group_chunks * p.chunk;
    const std::int64_t limit = begin + p.group_chunks * p.chunk, end = limit < p.k ? limit : p.k;
    const std::int64_t chunks = pieces_of(end - begin, p.chunk);
    Operands& operands = block.shared.operands;

    block.each([&](int thread, Registers& r, Memory&) {
      each_sum([&](int i, int j) { r.sum[i][j] = T(0); });
      fetch(thread, r, row, column, begin, end);
      keep(thread, r, operands, 0);
    });
    int buffer = 0;
    std::int64_t chunk = 0, chunk_end = begin + p.chunk;
    LAMINA_NO_UNROLL
    for (std::int64_t l0 = begin; l0 < end; l0 += kDepth) {
      const bool more = l0 + kDepth < end, closes = !more || l0 + kDepth == chunk_end;
      block.each([&](int thread, Registers& r, Memory& memory) {
        if (more) fetch(thread, r, row, column, l0 + kDepth, end);
        if (end - l0 >= kDepth) {
          LAMINA_UNROLL
          for (int l = 0; l < kDepth; ++l) add_term(thread, r, operands, buffer, l);
        } else {  // a term of zeros could turn a sum of -0 into +0
          LAMINA_NO_UNROLL
          for (int l = 0; l < static_cast<int>(end - l0); ++l) add_term(thread, r, operands, buffer, l);
        }
        if (closes) end_chunk(r, memory, chunk, chunks);
        if (more) keep(thread, r, operands, buffer ^ 1);
      });
      buffer ^= 1;
      if (closes) {
        ++chunk;
        chunk_end += p.chunk;
      }
    }
    LAMINA_UNROLL
    for (int part = 0; part < kParts; ++part) {
      block.each([&](int thread, Registers& r, Memory&) {
        LAMINA_UNROLL
        for (int i = 0; i < kRunA; ++i) {
          LAMINA_UNROLL
          for (int j = 0; j < kTileColumns; ++j) {
            block.shared.sums[thread / kAcross * kRunA + i][column_of(thread, j)] =
                r.sum[part * kRunA + i][j];
          }
        }
      });
      block.each([&](int thread, Registers&, Memory&) {
        LAMINA_NO_UNROLL
        for (int e = thread; e < kRunA * kDown * kColumns; e += kThreads) {
          const std::int64_t i = row + part * (kRunA * kDown) + e / kColumns, j = column + e % kColumns;
          if (i >= p.rows() || j >= p.n) continue;
          const T sum = block.shared.sums[e / kColumns][e % kColumns];
          if (p.groups > 1) {
            p.partials[(group * p.rows() + i) * p.n + j] = sum;
          } else {
            p.store(i, j, sum);
          }
        }
      });
    }
  }
};

/// The tree over the groups, element by element.
template <class T>
struct JoinGroups {
  static constexpr const char* kName = "gemm (join)";
  Product<T> p;
  LAMINA_KERNEL void operator()(std::int64_t e) const {
    numerics::BinaryCounter<T> tree;
    for (std::int64_t g = 0; g < p.groups; ++g) tree.push(p.partials[g * p.rows() * p.n + e]);
    p.store(e / p.n, e % p.n, tree.total(T(0)));
  }
};

}  // namespace
}  // namespace lamina::cuda
