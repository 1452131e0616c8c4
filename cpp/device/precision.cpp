#include "device/precision.h"

#include "core/error.h"

namespace lamina {

std::string_view name_of(Precision precision) {
  switch (precision) {
    case Precision::tf32:
      return "tf32";
    case Precision::bf16:
      return "bf16";
    default:
      return "strict";
  }
}

Precision precision_from_name(std::string_view name) {
  for (const Precision precision : {Precision::strict, Precision::tf32, Precision::bf16}) {
    if (name == name_of(precision)) return precision;
  }
  throw ValueError(
      text("[device] precision is 'strict', 'tf32' or 'bf16'. Received: precision='", name, "'"));
}

}  // namespace lamina
