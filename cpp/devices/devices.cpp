// Where all implementations of Device are known: the only file that names both.
#include "core/error.h"
#include "cpu/cpu_device.h"
#include "cuda/cuda.h"
#include "device/device.h"

namespace lamina {

Device& device(std::string_view name) {
  if (name == "cpu") return cpu::device();
  if (name == cuda::name()) return cuda::device();
  if (name == "cuda") {
    throw StateError(text("[device] this build has the emulation of a GPU, '", cuda::name(),
                          "', in place of 'cuda'. Received: 'cuda'"));
  }
  throw ValueError(text("[device] there are 'cpu' and '", cuda::name(), "'. Received: '", name, "'"));
}

Device& device(std::string_view name, Precision precision) {
  Device& strict = device(name);
  if (precision == Precision::strict) return strict;
  if (strict.is_host()) {
    throw ValueError(
        text("[device] '", name,
             "' computes with precision='strict'; 'tf32' and 'bf16' are for 'cuda'. Received: precision='",
             name_of(precision), "'"));
  }
  return cuda::device(precision);
}

std::vector<std::string> available_devices() {
  std::vector<std::string> names{"cpu"};
  if (cuda::available()) names.emplace_back(cuda::name());
  return names;
}

}  // namespace lamina
