#include "cpu/embedding/embedding.h"

#include <algorithm>

#include "core/error.h"

namespace lamina::cpu {

namespace {

template <class T>
std::int64_t index_at(const EmbeddingArguments& t, std::int64_t i) {
  const T value = static_cast<const T*>(t.indices)[i];
  if (!(value >= T(0) && value < static_cast<T>(t.entries))) {
    throw ValueError(text("[Embedding] indices must be whole numbers from 0 to ", t.entries - 1,
                          ". Received: ", static_cast<double>(value)));
  }
  return static_cast<std::int64_t>(value);
}

template <class T>
void lookup_as(const EmbeddingArguments& t) {
  for (std::int64_t i = 0; i < t.n; ++i) {
    std::copy_n(static_cast<const T*>(t.in) + index_at<T>(t, i) * t.columns, t.columns,
                static_cast<T*>(t.out) + i * t.columns);
  }
}

template <class T>
void backward_as(const EmbeddingArguments& t) {
  std::fill_n(static_cast<T*>(t.out), t.entries * t.columns, T(0));
  for (std::int64_t i = 0; i < t.n; ++i) {
    const T* from = static_cast<const T*>(t.in) + i * t.columns;
    T* to = static_cast<T*>(t.out) + index_at<T>(t, i) * t.columns;
    for (std::int64_t j = 0; j < t.columns; ++j) to[j] += from[j];
  }
}

}  // namespace

void embedding_lookup(const EmbeddingArguments& t) {
  t.dtype == DType::float32 ? lookup_as<float>(t) : lookup_as<double>(t);
}
void embedding_backward(const EmbeddingArguments& t) {
  t.dtype == DType::float32 ? backward_as<float>(t) : backward_as<double>(t);
}

}  // namespace lamina::cpu
