#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "io/safetensors_format.h"

namespace lamina::io {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw ValueError(text("[safetensors] ", what)); }

// The tensors in the order in which they are written.
std::vector<const TensorEntry*> in_file_order(std::span<const TensorEntry> tensors) {
  if (tensors.size() > kMaxTensors) {
    refuse(text("a file holds at most ", kMaxTensors, " tensors. Received: ", tensors.size()));
  }
  std::vector<const TensorEntry*> order;
  order.reserve(tensors.size());
  for (const TensorEntry& tensor : tensors) {
    if (!is_utf8(tensor.name)) refuse("the name of a tensor must be UTF-8");
    if (tensor.name == kMetadataKey) refuse("\"__metadata__\" cannot be the name of a tensor");
    if (tensor.shape.size() > kMaxRank) {
      refuse(text("a tensor has at most ", kMaxRank, " axes. Received: ", excerpt(tensor.name), " of shape ",
                  to_string(tensor.shape)));
    }
    if (tensor.type == ElementType::boolean && !are_truth_values(tensor)) {
      refuse(text("bool values must be 0 or 1 in memory. Received: other bytes in ", excerpt(tensor.name)));
    }
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(),
            [](const TensorEntry* a, const TensorEntry* b) { return a->name < b->name; });
  const auto twice =
      std::adjacent_find(order.begin(), order.end(),
                         [](const TensorEntry* a, const TensorEntry* b) { return a->name == b->name; });
  if (twice != order.end()) refuse(text("two tensors have the name ", excerpt((*twice)->name)));
  std::sort(order.begin(), order.end(), [](const TensorEntry* a, const TensorEntry* b) {
    return std::pair(rank_in_file(a->type), std::string_view(a->name)) <
           std::pair(rank_in_file(b->type), std::string_view(b->name));
  });
  return order;
}

// The header's length and the header: everything that stands before the data.
std::string encode_header(const std::vector<const TensorEntry*>& order, const Metadata& metadata) {
  std::string out(kLengthBytes, '\0');
  out.push_back('{');
  const char* separator = "";
  if (!metadata.empty()) {
    append_json_string(out, kMetadataKey);
    out += ":{";
    for (const auto& [key, value] : metadata) {
      if (!is_utf8(key) || !is_utf8(value)) refuse("metadata must be UTF-8");
      out += separator;
      append_json_string(out, key);
      out.push_back(':');
      append_json_string(out, value);
      separator = ",";
    }
    out.push_back('}');
    separator = ",";
  }
  std::uint64_t begin = 0;
  for (const TensorEntry* tensor : order) {
    out += separator;
    append_json_string(out, tensor->name);
    out += ":{\"dtype\":\"";
    out += safetensors_name_of(tensor->type);
    out += "\",\"shape\":[";
    for (std::size_t axis = 0; axis < tensor->shape.size(); ++axis) {
      if (axis > 0) out.push_back(',');
      out += std::to_string(tensor->shape[axis]);
    }
    const std::uint64_t end = begin + tensor->byte_count();  // 100,000 * 2^50 at most: no overflow
    out += "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
    begin = end;
    separator = ",";
  }
  out.push_back('}');
  out.resize((out.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = out.size() - kLengthBytes;
  if (length > kMaxHeaderBytes) {
    refuse(text("names, shapes and metadata take at most ", kMaxHeaderBytes, " bytes. Received: ", length));
  }
  std::memcpy(out.data(), &length, kLengthBytes);
  return out;
}

}  // namespace

std::vector<std::byte> encode_safetensors(std::span<const TensorEntry> tensors, const Metadata& metadata) {
  const std::vector<const TensorEntry*> order = in_file_order(tensors);
  const std::string header = encode_header(order, metadata);
  std::size_t total = header.size();
  for (const TensorEntry* tensor : order) total += tensor->byte_count();
  std::vector<std::byte> out;
  out.reserve(total);
  const auto* start = reinterpret_cast<const std::byte*>(header.data());
  out.insert(out.end(), start, start + header.size());
  for (const TensorEntry* tensor : order) {
    if (tensor->byte_count() > 0) out.insert(out.end(), tensor->data, tensor->data + tensor->byte_count());
  }
  return out;
}

void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> tensors,
                       const Metadata& metadata) {
  const std::vector<const TensorEntry*> order = in_file_order(tensors);
  const std::string header = encode_header(order, metadata);
  AtomicFile file(path);
  file.write(header.data(), header.size());
  for (const TensorEntry* tensor : order) {
    if (tensor->byte_count() > 0) file.write(tensor->data, tensor->byte_count());
  }
  file.commit();
}

}  // namespace lamina::io
