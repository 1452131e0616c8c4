#include "core/error.h"
#include "cuda/embedding/embedding.h"
#include "cuda/launch.h"
#include "cuda/memory.h"

namespace lamina::cuda {
namespace {

template <class T>
LAMINA_KERNEL bool is_index(T value, std::int64_t entries) {
  return value >= T(0) && value < static_cast<T>(entries);
}

/// The first index that is none: its place and itself; place -1: all are.
struct BadIndex {
  std::int64_t at;
  double value;
};
template <class T>
struct FindBadIndex {
  static constexpr const char* kName = "indices";
  static constexpr int kThreads = 256;
  struct Shared {
    std::int64_t first[kThreads];
  };
  struct Registers {};
  struct Memory {};
  std::int64_t n, entries;
  const T* indices;
  BadIndex* to;
  LAMINA_KERNEL void operator()(Block<FindBadIndex>& block) const {
    block.each([&](int thread, Registers&, Memory&) {
      std::int64_t i = thread;
      while (i < n && is_index(indices[i], entries)) i += kThreads;
      block.shared.first[thread] = i < n ? i : n;
    });
    block.each([&](int thread, Registers&, Memory&) {
      if (thread != 0) return;
      std::int64_t first = n;
      for (int t = 0; t < kThreads; ++t)
        first = block.shared.first[t] < first ? block.shared.first[t] : first;
      *to = first < n ? BadIndex{first, static_cast<double>(indices[first])} : BadIndex{-1, 0.0};
    });
  }
};

template <class T>
void check_indices(const EmbeddingArguments& t) {
  if (t.checked) return;
  const Scratch found(sizeof(BadIndex));
  for_each_block(1, FindBadIndex<T>{t.n, t.entries, in<T>(t.indices), found.as<BadIndex>()});
  BadIndex bad;
  runtime::copy_to_host(&bad, found.as<BadIndex>(), sizeof bad);
  if (bad.at < 0) return;
  throw ValueError(
      text("[Embedding] indices must be whole numbers from 0 to ", t.entries - 1, ". Received: ", bad.value));
}

template <class T>
struct Lookup {
  static constexpr const char* kName = "embedding lookup";
  std::int64_t columns;
  const T *indices, *table;
  T* out;
  LAMINA_KERNEL void operator()(std::int64_t e) const {
    out[e] = table[static_cast<std::int64_t>(indices[e / columns]) * columns + e % columns];
  }
};

/// links[i]: the next index equal to index i, n without one; links[n + i]: whether none is before it.
template <class T>
struct Link {
  static constexpr const char* kName = "link rows";
  std::int64_t n;
  const T* indices;
  std::int64_t* links;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const auto own = static_cast<std::int64_t>(indices[i]);
    std::int64_t next = i + 1, before = 0;
    while (next < n && static_cast<std::int64_t>(indices[next]) != own) ++next;
    while (before < i && static_cast<std::int64_t>(indices[before]) != own) ++before;
    links[i] = next;
    links[n + i] = before == i ? 1 : 0;
  }
};

/// The first index of each kind follows the links: one chain for each element of the table.
template <class T>
struct Backward {
  static constexpr const char* kName = "embedding backward";
  std::int64_t n, columns;
  const T *indices, *rows;
  const std::int64_t* links;
  T* table;
  LAMINA_KERNEL void operator()(std::int64_t e) const {
    const std::int64_t first = e / columns, j = e % columns;
    if (links[n + first] == 0) return;
    T sum = T(0);
    for (std::int64_t i = first; i < n; i = links[i]) sum += rows[i * columns + j];
    table[static_cast<std::int64_t>(indices[first]) * columns + j] = sum;
  }
};

template <class T>
void lookup_as(const EmbeddingArguments& t) {
  check_indices<T>(t);
  for_each_item(t.n * t.columns, Lookup<T>{t.columns, in<T>(t.indices), in<T>(t.in), out<T>(t.out)});
}

template <class T>
void backward_as(const EmbeddingArguments& t) {
  check_indices<T>(t);
  runtime::fill_zero(out<T>(t.out), static_cast<std::size_t>(t.entries * t.columns) * sizeof(T));
  const Scratch links(static_cast<std::size_t>(2 * t.n) * sizeof(std::int64_t));
  for_each_item(t.n, Link<T>{t.n, in<T>(t.indices), links.as<std::int64_t>()});
  for_each_item(t.n * t.columns, Backward<T>{t.n, t.columns, in<T>(t.indices), in<T>(t.in),
                                             links.as<std::int64_t>(), out<T>(t.out)});
}

}  // namespace

void embedding_lookup(const EmbeddingArguments& t) {
  t.dtype == DType::float32 ? lookup_as<float>(t) : lookup_as<double>(t);
}
void embedding_backward(const EmbeddingArguments& t) {
  t.dtype == DType::float32 ? backward_as<float>(t) : backward_as<double>(t);
}

}  // namespace lamina::cuda
