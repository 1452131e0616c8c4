// Blocks of elements from and to places given by their offsets.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "core/threads.h"
#include "cpu/array/array.h"

namespace lamina::cpu {

namespace {

constexpr std::int64_t kTaskElements = 16384;

template <class Word>
void take_words(const GatherArguments& a) {
  const Word* const x = static_cast<const Word*>(a.x);
  Word* const out = static_cast<Word*>(a.out);
  const std::int64_t per_task = std::max<std::int64_t>(1, kTaskElements / std::max<std::int64_t>(1, a.block));
  const std::int64_t tasks = (a.count + per_task - 1) / per_task;
  threads::parallel_for(
      tasks,
      [&](std::int64_t task) {
        const std::int64_t end = std::min(a.count, (task + 1) * per_task);
        for (std::int64_t i = task * per_task; i < end; ++i) {
          if (a.block == 1) {
            out[i] = x[a.offsets[i]];
          } else {
            std::memcpy(out + i * a.block, x + a.offsets[i],
                        static_cast<std::size_t>(a.block) * sizeof(Word));
          }
        }
      },
      threads::worthwhile(static_cast<double>(a.count) * (1.0 + 0.2 * static_cast<double>(a.block)), tasks));
}

template <class T>
T put_value(ScatterKind kind, T old, T value) {
  switch (kind) {
    case ScatterKind::set:
      return value;
    case ScatterKind::add:
      if constexpr (std::is_same_v<T, std::uint8_t> || std::is_floating_point_v<T>) {
        return static_cast<T>(old + value);
      } else {
        return static_cast<T>(static_cast<std::uint64_t>(old) + static_cast<std::uint64_t>(value));
      }
    case ScatterKind::max:
      return old != old || old > value ? old : value;
    default:
      return old != old || old < value ? old : value;
  }
}

template <class T>
void put_as(const ScatterArguments& a) {
  // In order, so that later blocks decide and sums have one order.
  const T* const x = static_cast<const T*>(a.x);
  T* const out = static_cast<T*>(a.out);
  for (std::int64_t i = 0; i < a.count; ++i) {
    T* const to = out + a.offsets[i];
    const T* const from = x + i * a.block;
    for (std::int64_t j = 0; j < a.block; ++j) to[j] = put_value(a.kind, to[j], from[j]);
  }
}

}  // namespace

void array_gather(const GatherArguments& a) {
  if (a.block == 0) return;
  switch (size_of(a.type)) {
    case 1:
      return take_words<std::uint8_t>(a);
    case 4:
      return take_words<std::uint32_t>(a);
    default:
      return take_words<std::uint64_t>(a);
  }
}

void array_scatter(const ScatterArguments& a) {
  switch (tensor_type(a.type)) {
    case TensorType::boolean:
    case TensorType::uint8:
      return put_as<std::uint8_t>(a);
    case TensorType::int32:
      return put_as<std::int32_t>(a);
    case TensorType::int64:
      return put_as<std::int64_t>(a);
    case TensorType::float32:
      return put_as<float>(a);
    case TensorType::float64:
      return put_as<double>(a);
  }
}

}  // namespace lamina::cpu
