// A dense layer as one node: the product with bias and activation in its epilogue, and on the way back one
// product for each of the weights and the input, the orders of nn/layers/dense.cpp.
#include "autograd/double_backward.h"
#include "autograd/operators.h"
#include "autograd/record.h"
#include "core/error.h"
#include "device/device.h"
#include "ops/ops.h"

namespace lamina::autograd {

namespace {

struct Sizes {
  std::int64_t inputs, units;
};

void check(const Tensor& x, const Tensor& kernel, const Tensor& bias) {
  const auto wrong = [&](std::string_view rule) {
    return ValueError(text("[dense] ", rule, ". Received: x.shape=", to_string(x.shape()),
                           ", kernel.shape=", to_string(kernel.shape()),
                           bias.defined() ? text(", bias.shape=", to_string(bias.shape())) : std::string()));
  };
  if (kernel.rank() != 2) throw wrong("the kernel must have the shape (inputs, units)");
  if (x.rank() < 1 || x.shape().back() != kernel.extent(0)) {
    throw wrong("the last axis of x must be as long as the first of the kernel");
  }
  if (bias.defined() && !(bias.shape() == ArrayShape{kernel.extent(1)})) {
    throw wrong("the bias must have the shape (units,)");
  }
  const bool floating = x.type() == ElementType::float32 || x.type() == ElementType::float64;
  if (!floating || kernel.type() != x.type() || (bias.defined() && bias.type() != x.type())) {
    throw TypeError(text("[dense] x, kernel and bias must all be float32 or all float64. Received: x.dtype=",
                         name_of(x.type()), ", kernel.dtype=", name_of(kernel.type())));
  }
}

DType type_of(const Tensor& x) { return x.type() == ElementType::float32 ? DType::float32 : DType::float64; }

Tensor decomposed(const Tensor& x, const Tensor& kernel, const Tensor& bias, const Activation& f) {
  Tensor y = matmul(x, kernel);
  if (bias.defined()) y = y + bias;
  return f.kind == ActivationKind::linear ? y : activation(f, y);
}

}  // namespace

Tensor dense(const Tensor& x_in, const Tensor& kernel_in, const Tensor& bias_in, const Activation& f) {
  check(x_in, kernel_in, bias_in);
  // Functions of a whole row are a node of their own.
  if (!is_elementwise(f)) return activation(f, dense(x_in, kernel_in, bias_in, Activation{}));
  const Tensor x = contiguous(x_in), kernel = contiguous(kernel_in);
  const Tensor bias = bias_in.defined() ? contiguous(bias_in) : bias_in;
  const Sizes n{kernel.extent(0), kernel.extent(1)};
  ArrayShape shape = x.shape();
  shape[shape.rank() - 1] = n.units;
  std::int64_t rows = 1;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.extent(axis);

  Tensor y(x.type(), shape, x.device()), before;
  const bool keeps_input = f.kind != ActivationKind::linear && derivative_from(f) == DerivativeFrom::input;
  std::vector<const Tensor*> inputs{&x, &kernel};
  if (bias.defined()) inputs.push_back(&bias);
  const bool records =
      is_recording() && (bias.defined() ? would_record(x, kernel, bias) : would_record(x, kernel));
  if (records && keeps_input) before = Tensor(x.type(), shape, x.device());

  GemmArguments product;
  product.dtype = type_of(x);
  product.m = rows;
  product.n = n.units;
  product.k = n.inputs;
  product.a = x.raw();
  product.a_row = n.inputs;
  product.b = kernel.raw();
  product.b_row = n.units;
  product.c = y.raw();
  product.c_row = n.units;
  if (bias.defined()) product.bias = bias.raw();
  product.activation = f;
  if (before.defined()) product.pre_activation = before.raw();
  x.device()->gemm(product);
  if (!records) return y;

  Tensor* const outputs[] = {&y};
  record("dense", std::span<Tensor* const>(outputs), std::span<const Tensor* const>(inputs), [&] {
    const bool linear = f.kind == ActivationKind::linear;
    return [f, rows, n, linear, has_bias = bias.defined(), saved_x = Saved(x), saved_kernel = Saved(kernel),
            saved_bias = bias.defined() ? Saved(bias) : Saved(),
            saved = linear        ? Saved()
                    : keeps_input ? Saved(before)
                                  : Saved::result(y)](Backward& pass) {
      const Tensor dy = pass.dy(), in = saved_x.get(pass);
      if (is_recording()) {
        std::vector<Tensor> list{in, saved_kernel.get(pass)};
        if (has_bias) list.push_back(saved_bias.get(pass));
        if (would_record(dy, list.front(), list[1], list.back())) {
          return backward_by_decomposition(pass, list, [&](const std::vector<Tensor>& v) {
            return std::vector<Tensor>{decomposed(v[0], v[1], has_bias ? v[2] : Tensor(), f)};
          });
        }
      }
      const Tensor dz = contiguous(linear ? dy : activation_backward(f, saved.get(pass), dy));
      const bool bias_wanted = has_bias && pass.needs_grad(2);
      if (pass.needs_grad(1)) {  // dW = x^T dz over the rows, and db in the same pass
        Tensor dw(in.type(), {n.inputs, n.units}, in.device()), db;
        if (bias_wanted) db = Tensor(in.type(), ArrayShape{n.units}, in.device());
        GemmArguments g;
        g.dtype = type_of(in);
        g.reduction = Reduction::rows;
        g.m = n.inputs;
        g.n = n.units;
        g.k = rows;
        g.a = in.raw();
        g.a_row = 1;
        g.a_column = n.inputs;
        g.b = dz.raw();
        g.b_row = n.units;
        g.c = dw.raw();
        g.c_row = n.units;
        if (bias_wanted) g.column_sums = db.raw();
        in.device()->gemm(g);
        pass.accumulate_grad(1, std::move(dw));
        if (bias_wanted) pass.accumulate_grad(2, std::move(db));
      } else if (bias_wanted) {
        Tensor db(in.type(), ArrayShape{n.units}, in.device());
        in.device()->column_sums(type_of(in), rows, n.units, dz.raw(), db.raw());
        pass.accumulate_grad(2, std::move(db));
      }
      if (pass.needs_grad(0)) {  // dx = dz W^T
        const Tensor weights = saved_kernel.get(pass);
        Tensor dx(in.type(), in.shape(), in.device());
        GemmArguments g;
        g.dtype = type_of(in);
        g.m = rows;
        g.n = n.inputs;
        g.k = n.units;
        g.a = dz.raw();
        g.a_row = n.units;
        g.b = weights.raw();
        g.b_row = 1;
        g.b_column = n.units;
        g.c = dx.raw();
        g.c_row = n.inputs;
        in.device()->gemm(g);
        pass.accumulate_grad(0, std::move(dx));
      }
    };
  });
  return y;
}

}  // namespace lamina::autograd
