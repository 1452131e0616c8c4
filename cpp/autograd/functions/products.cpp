// Rules of products.
#include "autograd/operators.h"
#include "autograd/record.h"

namespace lamina::autograd {

Tensor matmul(const Tensor& a_in, const Tensor& b_in) {
  Tensor y = ops::matmul(a_in, b_in);
  record("matmul", {&y}, {&a_in, &b_in}, [&] {
    const bool a_linked = output_of(a_in) != nullptr, b_linked = output_of(b_in) != nullptr;
    return [a_shape = a_in.shape(), b_shape = b_in.shape(), saved_a = b_linked ? Saved(a_in) : Saved(),
            saved_b = a_linked ? Saved(b_in) : Saved()](Backward& pass) {
      // A vector on the left is a row, one on the right a column.
      const bool row = a_shape.rank() == 1, column = b_shape.rank() == 1;
      Tensor dy = pass.dy();
      if (row) dy = expand_dims(dy, ArrayShape{column ? -1 : -2});
      if (column) dy = expand_dims(dy, ArrayShape{-1});
      if (pass.needs_grad(0)) {  // dA = dY B^T
        Tensor b = saved_b.get(pass);
        b = column ? expand_dims(b, ArrayShape{0}) : swapaxes(b, -1, -2);
        const Tensor da = matmul(dy, b);
        pass.accumulate_grad(0, row ? reshape(sum_to(da, ArrayShape{1, a_shape[0]}), a_shape) : da);
      }
      if (pass.needs_grad(1)) {  // dB = A^T dY
        Tensor a = saved_a.get(pass);
        a = row ? expand_dims(a, ArrayShape{-1}) : swapaxes(a, -1, -2);
        const Tensor db = matmul(a, dy);
        pass.accumulate_grad(1, column ? reshape(sum_to(db, ArrayShape{b_shape[0], 1}), b_shape) : db);
      }
    };
  });
  return y;
}

}  // namespace lamina::autograd
