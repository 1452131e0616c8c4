#include "autograd/labels.h"

#include "core/error.h"
#include "device/device.h"
#include "device/names.h"
#include "ops/ops.h"

namespace lamina::autograd {

ArrayView elements_of(const Tensor& x) {
  ArrayView view;
  view.data = x.raw();
  view.type = x.type();
  view.rows = x.size();
  view.row_stride = static_cast<std::int64_t>(size_of(x.type()));
  return view;
}

Tensor labels_of(const Tensor& target, const LossSpecification& loss, std::int64_t classes,
                 bool skip_missing) {
  Device& device = *target.device();
  const Tensor from = ops::contiguous(target);
  const ArrayView view = elements_of(from);
  const bool columns = labels_are_columns(loss.kind);
  const LabelRule rule{columns ? classes : std::int64_t{1} << 31, loss.ignores_class, loss.ignore_class,
                       skip_missing};
  if (const std::int64_t bad = device.find_bad_label(view, rule); bad >= 0) {
    const double value = ops::cast(from, ElementType::float64).data<double>()[bad];
    throw ValueError(columns
                         ? text("[", name_of(loss.kind), "] labels must be integers from 0 to ", classes - 1,
                                ", because the predictions have ", classes, " classes. Received: ", value,
                                " at index ", bad)
                         : text("[", name_of(loss.kind),
                                "] labels must be integers from 0 on. Received: ", value, " at index ", bad));
  }
  Tensor labels(ElementType::int32, from.shape(), &device);
  GatherRowsArguments g;
  g.source = &view;
  g.rows = from.size();
  g.out = labels.raw();
  device.gather_labels(g);
  return labels;
}

}  // namespace lamina::autograd
