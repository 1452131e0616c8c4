// libFuzzer target for the safetensors reader. Any bytes must either be refused with a
// FileFormatError or be read; what is read must come out equal when it is written and read
// again, and must lie inside the input. The input is copied to a block of exactly its size,
// so that AddressSanitizer sees every read beyond it.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "core/error.h"
#include "io/safetensors.h"

namespace {

using namespace lamina;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

bool by_name(const io::TensorEntry* a, const io::TensorEntry* b) { return a->name < b->name; }

std::vector<const io::TensorEntry*> sorted(const io::SafetensorsView& view) {
  std::vector<const io::TensorEntry*> out;
  for (const io::TensorEntry& tensor : view.tensors) out.push_back(&tensor);
  std::sort(out.begin(), out.end(), by_name);
  return out;
}

void require_equal(const io::SafetensorsView& a, const io::SafetensorsView& b) {
  require(a.metadata == b.metadata, "metadata");
  require(a.tensors.size() == b.tensors.size(), "number of tensors");
  const auto left = sorted(a);
  const auto right = sorted(b);
  for (std::size_t i = 0; i < left.size(); ++i) {
    const io::TensorEntry& x = *left[i];
    const io::TensorEntry& y = *right[i];
    require(x.name == y.name && x.type == y.type && x.shape == y.shape, "tensor");
    require(x.byte_count() == 0 || std::memcmp(x.data, y.data, x.byte_count()) == 0, "data");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::unique_ptr<std::byte[]> exact(new std::byte[size]);
  if (size > 0) std::memcpy(exact.get(), data, size);
  io::SafetensorsView view;
  try {
    view = io::parse_safetensors({exact.get(), size});
  } catch (const FileFormatError&) {
    return 0;
  }
  for (const io::TensorEntry& tensor : view.tensors) {
    const std::size_t bytes = tensor.byte_count();
    require(bytes == 0 || (tensor.data >= exact.get() && tensor.data + bytes <= exact.get() + size),
            "bounds");
  }
  const std::vector<std::byte> written = io::encode_safetensors(view.tensors, view.metadata);
  const io::SafetensorsView again = io::parse_safetensors(written);
  require_equal(view, again);
  require(io::encode_safetensors(again.tensors, again.metadata) == written, "stable bytes");
  return 0;
}

// A third of the mutations put a true header length in front, so that they reach the JSON;
// half of those also fit the data's length to the last offset that the header names.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 3 != 0 || size < 10) return size;
  const std::uint8_t* last = data + size;
  while (last > data + 8 && last[-1] != '}') --last;
  std::uint64_t header = static_cast<std::uint64_t>(last - data) - 8;
  if (header == 0) return size;
  std::memcpy(data, &header, 8);
  if (seed % 2 != 0) return size;
  std::uint64_t end = 0;
  for (const std::uint8_t* digit = data + 8; digit < last; ++digit) {
    std::uint64_t value = 0;
    for (; digit < last && *digit >= '0' && *digit <= '9' && value < most; ++digit) {
      value = value * 10 + (*digit - '0');
    }
    if (digit < last && *digit == ']' && value < most) end = std::max(end, value);
  }
  const std::size_t wanted = 8 + static_cast<std::size_t>(header + end);
  if (wanted > most) return size;
  if (wanted > size) std::memset(data + size, 0, wanted - size);
  return wanted;
}
