#include "core/error.h"
#include "cpu/cpu_device.h"
#include "cuda/cuda.h"
#include "device/device.h"

namespace lamina {

Device& device(std::string_view name) {
  if (name == "cpu") return cpu::device();
  if (name == "cuda") return cuda::device();
  throw ValueError(text("[device] there are 'cpu' and 'cuda'. Received: '", name, "'"));
}

std::vector<std::string> available_devices() {
  std::vector<std::string> names{"cpu"};
  if (cuda::available()) names.emplace_back("cuda");
  return names;
}

}  // namespace lamina
