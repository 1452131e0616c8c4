// The functions of autograd/rules.def: the value by ops/, the rule from the table.
#include <string_view>

#include "autograd/operators.h"
#include "autograd/record.h"
#include "ops/ops.h"

namespace lamina::autograd {

namespace {

constexpr double kLog2 = 0.69314718055994530942, kLog10 = 2.30258509299404568402;
constexpr double kTwoOverRootPi = 1.12837916709551257390;

constexpr bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Whether a formula mentions the one-letter name `letter`.
constexpr bool mentions(std::string_view formula, char letter) {
  for (std::size_t i = 0; i < formula.size(); ++i) {
    if (formula[i] == letter && (i == 0 || !is_name_character(formula[i - 1])) &&
        (i + 1 == formula.size() || !is_name_character(formula[i + 1]))) {
      return true;
    }
  }
  return false;
}

/// d(a^b)/da = b * a^(b - 1), and 0 where b is 0.
Tensor power_slope(const Tensor& a, const Tensor& b) {
  const Tensor is_zero = ops::equal(b, number_like(b, 0));
  return b * power(a, where(is_zero, number_like(b, 1), b - 1));
}

/// log(a), and 0 where a is 0 (there 0^b does not change with b > 0).
Tensor log_or_zero(const Tensor& a) {
  return log(where(ops::equal(a, number_like(a, 0)), number_like(a, 1), a));
}

/// 1 where a > b, 1/2 where they are equal, else 0.
Tensor larger_share(const Tensor& a, const Tensor& b) {
  const Tensor half = number_like(a, 0.5), zero = number_like(a, 0);
  return where(ops::greater(a, b), half, zero) + where(ops::greater_equal(a, b), half, zero);
}

}  // namespace

#define UNARY(function, formula)                                                           \
  Tensor function(const Tensor& operand) {                                                 \
    Tensor result = ops::function(operand);                                                \
    record(#function, {&result}, {&operand}, [&] {                                         \
      constexpr bool keeps_x = mentions(#formula, 'x'), keeps_y = mentions(#formula, 'y'); \
      return [saved_x = keeps_x ? Saved(operand) : Saved(),                                \
              saved_y = keeps_y ? Saved::result(result) : Saved()](Backward& pass) {       \
        const Tensor dy = pass.dy();                                                       \
        [[maybe_unused]] const Tensor x = saved_x.get(pass), y = saved_y.get(pass);        \
        pass.accumulate_grad(0, formula);                                                  \
      };                                                                                   \
    });                                                                                    \
    return result;                                                                         \
  }

// An operand is kept where it is needed for the gradient of one that may be watched.
#define BINARY(function, formula_a, formula_b)                                                           \
  Tensor function(const Tensor& left, const Tensor& right) {                                             \
    Tensor result = ops::function(left, right);                                                          \
    record(#function, {&result}, {&left, &right}, [&] {                                                  \
      const bool a_linked = output_of(left) != nullptr, b_linked = output_of(right) != nullptr;          \
      const auto keeps = [&](bool in_a, bool in_b) { return (a_linked && in_a) || (b_linked && in_b); }; \
      const bool keeps_a = keeps(mentions(#formula_a, 'a'), mentions(#formula_b, 'a'));                  \
      const bool keeps_b = keeps(mentions(#formula_a, 'b'), mentions(#formula_b, 'b'));                  \
      const bool keeps_y = keeps(mentions(#formula_a, 'y'), mentions(#formula_b, 'y'));                  \
      return [saved_a = keeps_a ? Saved(left) : Saved(), saved_b = keeps_b ? Saved(right) : Saved(),     \
              saved_y = keeps_y ? Saved::result(result) : Saved()](Backward& pass) {                     \
        const Tensor dy = pass.dy();                                                                     \
        const Tensor a = saved_a.get(pass), b = saved_b.get(pass), y = saved_y.get(pass);                \
        if (pass.needs_grad(0)) pass.accumulate_grad(0, formula_a);                                      \
        if (pass.needs_grad(1)) pass.accumulate_grad(1, formula_b);                                      \
      };                                                                                                 \
    });                                                                                                  \
    return result;                                                                                       \
  }

#include "autograd/rules.def"

#undef UNARY
#undef BINARY

}  // namespace lamina::autograd
