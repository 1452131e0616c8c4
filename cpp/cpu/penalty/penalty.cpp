#include "cpu/penalty/penalty.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/buffer.h"
#include "numerics/chunk_tree.h"
#include "numerics/order.h"

namespace lamina::cpu {

namespace {

/// The sum of term(w[i]) in the order of numerics/row.h.
template <class T, class Term>
T row_sum(std::int64_t n, const T* w, const Term& term) {
  constexpr std::int64_t lanes = numerics::kLanes<T>;
  numerics::BinaryCounter<T> tree;
  for (std::int64_t begin = 0; begin < n; begin += numerics::kSumChunk) {
    const std::int64_t end = std::min(n, begin + numerics::kSumChunk);
    T lane[lanes] = {};
    std::int64_t i = begin;
    for (; i + lanes <= end; i += lanes) {
      for (std::int64_t l = 0; l < lanes; ++l) lane[l] += term(w[i + l]);
    }
    for (std::int64_t l = 0; i < end; ++i, ++l) lane[l] += term(w[i]);
    for (std::int64_t half = lanes / 2; half > 0; half /= 2) {
      for (std::int64_t l = 0; l < half; ++l) lane[l] += lane[l + half];
    }
    tree.push(lane[0]);
  }
  return tree.total(T(0));
}

template <class T>
double penalty_as(const PenaltyArguments& p) {
  const auto* w = static_cast<const T*>(p.values);
  double total = 0.0;
  if (p.l1 != 0.0) {
    total += p.l1 * static_cast<double>(row_sum(p.n, w, [](T v) { return std::abs(v); }));
  }
  if (p.l2 != 0.0) {
    total += p.l2 * static_cast<double>(row_sum(p.n, w, [](T v) { return v * v; }));
  }
  if (p.gradient != nullptr) {
    const T a = static_cast<T>(p.l1 * p.scale), b = static_cast<T>(2.0 * p.l2 * p.scale);
    const auto* in = static_cast<const T*>(p.gradient_in);
    auto* out = static_cast<T*>(p.gradient);
    if (p.l1 != 0.0) {
      for (std::int64_t i = 0; i < p.n; ++i) {
        const T sign = w[i] > T(0) ? a : w[i] < T(0) ? -a : T(0);
        out[i] = (in[i] + sign) + b * w[i];
      }
    } else {
      for (std::int64_t i = 0; i < p.n; ++i) out[i] = in[i] + b * w[i];
    }
  }
  return total * p.scale;
}

template <class T>
T factor_of(const ConstraintArguments& c, T norm) {
  const T epsilon = static_cast<T>(c.epsilon), low = static_cast<T>(c.low), high = static_cast<T>(c.high);
  const T bounded = norm < low ? low : norm > high ? high : norm;
  switch (c.kind) {
    case ConstraintKind::max_norm:
      return (norm > high ? high : norm) / (epsilon + norm);
    case ConstraintKind::min_max_norm:
      return (static_cast<T>(c.rate) * bounded + static_cast<T>(1.0 - c.rate) * norm) / (epsilon + norm);
    default:
      return epsilon + norm;
  }
}

template <class T>
void constrain_as(const ConstraintArguments& c) {
  auto* w = static_cast<T*>(c.values);
  if (c.kind == ConstraintKind::non_negative) {
    const std::int64_t n = c.outer * c.reduced * c.inner;
    for (std::int64_t i = 0; i < n; ++i) w[i] = w[i] < T(0) ? T(0) : w[i];
    return;
  }
  static thread_local Buffer buffer;  // one chunk's sums, and the tree's stack of them
  const std::int64_t chunks = (c.reduced + numerics::kRowChunk - 1) / numerics::kRowChunk;
  const int levels = numerics::tree_depth(chunks) + 1;
  const std::size_t bytes = static_cast<std::size_t>(levels * c.inner) * sizeof(T);
  if (buffer.bytes() < bytes) buffer = Buffer(bytes);
  T* stack = buffer.as<T>();
  for (std::int64_t o = 0; o < c.outer; ++o, w += c.reduced * c.inner) {
    int depth = 0;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      T* sums = stack + depth++ * c.inner;
      std::fill_n(sums, c.inner, T(0));
      const std::int64_t end = std::min(c.reduced, (chunk + 1) * numerics::kRowChunk);
      for (std::int64_t r = chunk * numerics::kRowChunk; r < end; ++r) {
        const T* row = w + r * c.inner;
        for (std::int64_t j = 0; j < c.inner; ++j) sums[j] += row[j] * row[j];
      }
      const bool last = chunk + 1 == chunks;
      for (int joins = last ? depth - 1 : numerics::joins_after(chunk); joins > 0; --joins) {
        T *right = stack + --depth * c.inner, *left = right - c.inner;
        for (std::int64_t j = 0; j < c.inner; ++j) left[j] += right[j];
      }
    }
    for (std::int64_t j = 0; j < c.inner; ++j) stack[j] = factor_of(c, std::sqrt(stack[j]));
    for (std::int64_t r = 0; r < c.reduced; ++r) {
      T* row = w + r * c.inner;
      if (c.kind == ConstraintKind::unit_norm) {
        for (std::int64_t j = 0; j < c.inner; ++j) row[j] = row[j] / stack[j];
      } else {
        for (std::int64_t j = 0; j < c.inner; ++j) row[j] = row[j] * stack[j];
      }
    }
  }
}

}  // namespace

double penalty(const PenaltyArguments& p) {
  return p.dtype == DType::float32 ? penalty_as<float>(p) : penalty_as<double>(p);
}
void constrain(const ConstraintArguments& c) {
  c.dtype == DType::float32 ? constrain_as<float>(c) : constrain_as<double>(c);
}

}  // namespace lamina::cpu
