#include "ops/elementwise.h"

#include "device/device.h"
#include "ops/broadcast.h"
#include "ops/promotion.h"

namespace lamina::ops {

namespace {

#define LAMINA_NAME(name) #name,
constexpr std::string_view unary_names[] = {LAMINA_UNARY_KINDS(LAMINA_NAME)};
constexpr std::string_view binary_names[] = {LAMINA_BINARY_KINDS(LAMINA_NAME)};
#undef LAMINA_NAME

constexpr std::int64_t kOne = 1;

[[noreturn]] void not_defined(std::string_view name, ElementType type) {
  throw TypeError(text("[", name, "] is not defined for this dtype. Received: ", lamina::name_of(type)));
}

bool any_negative(const Tensor& x) {
  const Tensor dense = contiguous(x);
  for (std::int64_t i = 0; i < dense.size(); ++i) {
    if (dense.type() == ElementType::int32 ? dense.data<std::int32_t>()[i] < 0
                                           : dense.data<std::int64_t>()[i] < 0) {
      return true;
    }
  }
  return false;
}

/// The type that both operands are brought to.
ElementType computing_type(BinaryKind kind, const Tensor& x1, const Tensor& x2) {
  const ElementType type = promote(x1.type(), x2.type());
  switch (kind) {
    case BinaryKind::divide:
    case BinaryKind::arctan2:
      return floating(type);
    case BinaryKind::power:
    case BinaryKind::floor_divide:
    case BinaryKind::mod:
    case BinaryKind::left_shift:
    case BinaryKind::right_shift:
      // NumPy has these for bool as for its smallest integer.
      return is_bool(type) ? ElementType::uint8 : type;
    default:
      return type;
  }
}

Tensor convert(const Tensor& x, ElementType type) {
  Tensor out = empty(type, x.shape());
  ConvertArguments a;
  a.from = x.type();
  a.to = type;
  a.out = out.raw();
  if (x.contiguous()) {
    const std::int64_t size = x.size();
    a.rank = 1;
    a.shape = &size;
    a.x = {x.raw(), &kOne};
    current_device().convert(a);
  } else {
    a.rank = x.rank();
    a.shape = x.shape().begin();
    a.x = operand(x, x.strides());
    current_device().convert(a);
  }
  return out;
}

}  // namespace

std::string_view name_of(UnaryKind kind) { return unary_names[static_cast<int>(kind)]; }
std::string_view name_of(BinaryKind kind) { return binary_names[static_cast<int>(kind)]; }

Tensor unary(UnaryKind kind, const Tensor& x) {
  Device& on = current_device();
  if (!on.has(kind, x.type())) {
    const bool real = kind >= UnaryKind::sqrt && kind <= UnaryKind::erf;
    if (!real || is_floating(x.type())) not_defined(name_of(kind), x.type());
    return unary(kind, cast(x, default_float()));
  }
  Tensor out = empty(is_predicate(kind) ? ElementType::boolean : x.type(), x.shape());
  UnaryArguments a;
  a.kind = kind;
  a.type = x.type();
  a.out = out.raw();
  if (x.contiguous()) {
    const std::int64_t size = x.size();
    a.rank = 1;
    a.shape = &size;
    a.x = {x.raw(), &kOne};
    on.unary(a);
  } else {
    a.rank = x.rank();
    a.shape = x.shape().begin();
    a.x = operand(x, x.strides());
    on.unary(a);
  }
  return out;
}

Tensor binary(BinaryKind kind, const Tensor& x1, const Tensor& x2) {
  const ElementType type = computing_type(kind, x1, x2);
  if (x1.type() != type) return binary(kind, cast(x1, type), x2);
  if (x2.type() != type) return binary(kind, x1, cast(x2, type));
  Device& on = current_device();
  if (!on.has(kind, type)) not_defined(name_of(kind), type);
  if (kind == BinaryKind::power && is_integer(type) && type != ElementType::uint8 && any_negative(x2)) {
    throw ValueError("[power] integers cannot be raised to negative integer powers; make one a float");
  }
  const ElementType result = is_comparison(kind) ? ElementType::boolean : type;
  BinaryArguments a;
  a.kind = kind;
  a.type = type;
  if (x1.contiguous() && x2.contiguous() && x1.shape() == x2.shape()) {
    Tensor out = empty(result, x1.shape());
    const std::int64_t size = x1.size();
    a.rank = 1;
    a.shape = &size;
    a.x = {x1.raw(), &kOne};
    a.y = {x2.raw(), &kOne};
    a.out = out.raw();
    on.binary(a);
    return out;
  }
  const ArrayShape shape = broadcast_shapes(name_of(kind), x1.shape(), x2.shape());
  Tensor out = empty(result, shape);
  const ArrayShape strides_1 = broadcast_strides(x1, shape), strides_2 = broadcast_strides(x2, shape);
  a.rank = shape.rank();
  a.shape = shape.begin();
  a.x = operand(x1, strides_1);
  a.y = operand(x2, strides_2);
  a.out = out.raw();
  on.binary(a);
  return out;
}

Tensor positive(const Tensor& x) {
  if (is_bool(x.type())) not_defined("positive", x.type());
  return x.alias();
}

Tensor logical_not(const Tensor& x) { return invert(cast(x, ElementType::boolean)); }
Tensor logical_and(const Tensor& x1, const Tensor& x2) {
  return bitwise_and(cast(x1, ElementType::boolean), cast(x2, ElementType::boolean));
}
Tensor logical_or(const Tensor& x1, const Tensor& x2) {
  return bitwise_or(cast(x1, ElementType::boolean), cast(x2, ElementType::boolean));
}
Tensor logical_xor(const Tensor& x1, const Tensor& x2) {
  return bitwise_xor(cast(x1, ElementType::boolean), cast(x2, ElementType::boolean));
}

Tensor where(const Tensor& condition, const Tensor& x1, const Tensor& x2) {
  const ElementType type = promote(x1.type(), x2.type());
  if (!is_bool(condition.type())) return where(cast(condition, ElementType::boolean), x1, x2);
  if (x1.type() != type) return where(condition, cast(x1, type), x2);
  if (x2.type() != type) return where(condition, x1, cast(x2, type));
  const ArrayShape shape =
      broadcast_shapes("where", condition.shape(), broadcast_shapes("where", x1.shape(), x2.shape()));
  Tensor out = empty(type, shape);
  const ArrayShape of_condition = broadcast_strides(condition, shape);
  const ArrayShape of_1 = broadcast_strides(x1, shape), of_2 = broadcast_strides(x2, shape);
  SelectArguments a;
  a.type = type;
  a.rank = shape.rank();
  a.shape = shape.begin();
  a.condition = operand(condition, of_condition);
  a.x = operand(x1, of_1);
  a.y = operand(x2, of_2);
  a.out = out.raw();
  current_device().select(a);
  return out;
}

Tensor cast(const Tensor& x, ElementType type) { return x.type() == type ? x : convert(x, type); }
Tensor bitcast(const Tensor& x, ElementType type) {
  check_tensor_type(type);
  if (size_of(type) != size_of(x.type()) || is_bool(type)) {
    throw TypeError(text("[bitcast] types of the same size are needed, and not bool. Received: ",
                         lamina::name_of(x.type()), " and ", lamina::name_of(type)));
  }
  x.storage().retain();
  return Tensor(type, x.shape(), x.strides(), x.offset(), &x.storage());
}
Tensor contiguous(const Tensor& x) { return x.contiguous() ? x : convert(x, x.type()); }
Tensor copy(const Tensor& x) { return convert(x, x.type()); }

}  // namespace lamina::ops
