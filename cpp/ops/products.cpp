#include "ops/products.h"

#include "device/device.h"
#include "ops/broadcast.h"
#include "ops/elementwise.h"
#include "ops/promotion.h"
#include "ops/shaping.h"

namespace lamina::ops {

namespace {

/// Integers and bool, where the order does not matter; bool: whether any product is true.
template <class T>
void exact_product(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
                   std::int64_t a_column, const T* b, std::int64_t b_row, std::int64_t b_column, T* c,
                   bool logical) {
  for (std::int64_t i = 0; i < m; ++i) {
    T* const row = c + i * n;
    for (std::int64_t j = 0; j < n; ++j) row[j] = T(0);
    for (std::int64_t l = 0; l < k; ++l) {
      const auto factor = static_cast<std::uint64_t>(a[i * a_row + l * a_column]);
      const T* const from = b + l * b_row;
      for (std::int64_t j = 0; j < n; ++j) {
        const std::uint64_t product = factor * static_cast<std::uint64_t>(from[j * b_column]);
        row[j] = logical ? static_cast<T>(row[j] | static_cast<T>(product != 0))
                         : static_cast<T>(static_cast<std::uint64_t>(row[j]) + product);
      }
    }
  }
}

/// Rows or columns that lie one behind the other, the other axis not backwards: what gemm packs well.
bool easy(std::int64_t row, std::int64_t column) {
  return (column == 1 && row >= 0) || (row == 1 && column >= 0);
}

}  // namespace

Tensor matmul(const Tensor& x1, const Tensor& x2) {
  const auto refuse = [&](const char* why) {
    throw ValueError(
        text("[matmul] ", why, ". Received: shapes ", to_string(x1.shape()), " and ", to_string(x2.shape())));
  };
  if (x1.rank() == 0 || x2.rank() == 0) refuse("both operands need at least one axis");
  const ElementType type = promote(x1.type(), x2.type());
  const std::int64_t depth = x1.extent(x1.rank() - 1);
  if (x2.extent(x2.rank() == 1 ? 0 : x2.rank() - 2) != depth) {
    refuse("the last axis of x1 must be as long as the one before the last of x2");
  }
  if (x1.rank() == 1 && x2.rank() == 1)
    return reshape(matmul(reshape(x1, {1, depth}), reshape(x2, {depth, 1})), {});
  if (x1.rank() == 1) {
    const Tensor product = matmul(expand_dims(x1, {0}), x2);
    return squeeze(product, ArrayShape{-2}, false);
  }
  if (x2.rank() == 1) {
    const Tensor product = matmul(x1, expand_dims(x2, {1}));
    return squeeze(product, ArrayShape{-1}, false);
  }

  Tensor a = cast(x1, type), b = cast(x2, type);
  const auto prepared = [&](const Tensor& x) {
    const int rank = x.rank();
    return !is_floating(type) || easy(x.strides()[rank - 2], x.strides()[rank - 1]) ? x : contiguous(x);
  };
  a = prepared(a);
  b = prepared(b);
  const std::int64_t m = a.extent(a.rank() - 2), n = b.extent(b.rank() - 1);
  const auto batch_of = [](const Tensor& x) {
    ArrayShape shape;
    shape.assign(x.shape().begin(), x.shape().end() - 2);
    return shape;
  };
  const ArrayShape batch = broadcast_shapes("matmul", batch_of(a), batch_of(b));
  ArrayShape full_a = batch, full_b = batch, result = batch;
  full_a.push_back(m);
  full_a.push_back(depth);
  full_b.push_back(depth);
  full_b.push_back(n);
  result.push_back(m);
  result.push_back(n);
  Tensor out = empty(type, result);
  const int rank = result.rank();
  a = a.view(
      full_a,
      [&] {
        ArrayShape strides = broadcast_strides(a, full_a);
        strides[rank - 2] = a.strides()[a.rank() - 2];
        strides[rank - 1] = a.strides()[a.rank() - 1];
        return strides;
      }(),
      0);
  b = b.view(
      full_b,
      [&] {
        ArrayShape strides = broadcast_strides(b, full_b);
        strides[rank - 2] = b.strides()[b.rank() - 2];
        strides[rank - 1] = b.strides()[b.rank() - 1];
        return strides;
      }(),
      0);
  if (out.size() == 0) return out;

  GemmArguments g;
  g.m = m;
  g.n = n;
  g.k = depth;
  g.a_row = a.strides()[rank - 2];
  g.a_column = a.strides()[rank - 1];
  g.b_row = b.strides()[rank - 2];
  g.b_column = b.strides()[rank - 1];
  g.c_row = n;
  const auto bytes = static_cast<std::int64_t>(size_of(type));
  const auto one = [&](std::int64_t at_a, std::int64_t at_b, std::int64_t index) {
    const std::byte* const from_a = a.data<std::byte>() + at_a * bytes;
    const std::byte* const from_b = b.data<std::byte>() + at_b * bytes;
    std::byte* const to = out.data<std::byte>() + index * m * n * bytes;
    const auto exact = [&]<class T>(const T* p, const T* q, T* r) {
      exact_product(m, n, depth, p, g.a_row, g.a_column, q, g.b_row, g.b_column, r, is_bool(type));
    };
    switch (type) {
      case ElementType::boolean:
      case ElementType::uint8:
        return exact(reinterpret_cast<const std::uint8_t*>(from_a),
                     reinterpret_cast<const std::uint8_t*>(from_b), reinterpret_cast<std::uint8_t*>(to));
      case ElementType::int32:
        return exact(reinterpret_cast<const std::int32_t*>(from_a),
                     reinterpret_cast<const std::int32_t*>(from_b), reinterpret_cast<std::int32_t*>(to));
      case ElementType::int64:
        return exact(reinterpret_cast<const std::int64_t*>(from_a),
                     reinterpret_cast<const std::int64_t*>(from_b), reinterpret_cast<std::int64_t*>(to));
      default:
        g.dtype = type == ElementType::float32 ? DType::float32 : DType::float64;
        g.a = from_a;
        g.b = from_b;
        g.c = to;
        current_device().gemm(g);
    }
  };
  const std::int64_t count = batch.count();
  std::int64_t index[kMaximumRank] = {};
  std::int64_t at_a = 0, at_b = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    one(at_a, at_b, i);
    for (int axis = batch.rank() - 1; axis >= 0; --axis) {
      at_a += a.strides()[axis];
      at_b += b.strides()[axis];
      if (++index[axis] < batch[axis]) break;
      at_a -= a.strides()[axis] * batch[axis];
      at_b -= b.strides()[axis] * batch[axis];
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace lamina::ops
