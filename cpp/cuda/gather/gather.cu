#include <memory>
#include <mutex>
#include <new>

#include "core/error.h"
#include "cpu/gather/gather.h"
#include "cuda/gather/gather.h"
#include "cuda/launch.h"

namespace lamina::cuda {
namespace {

/// Host memory on its way to the device.
struct Staging {
  void* memory = nullptr;
  std::size_t bytes = 0;
  std::unique_ptr<runtime::Event> copied;

  void* of(std::size_t wanted) {
    if (copied == nullptr) copied = std::make_unique<runtime::Event>();
    copied->wait();
    if (wanted > bytes) {
      runtime::release_pinned(memory);
      bytes = 0;
      memory = runtime::reserve_pinned(wanted);
      if (memory == nullptr) throw std::bad_alloc();
      bytes = wanted;
    }
    return memory;
  }
};

struct Stagings {
  std::mutex mutex;
  Staging two[2];
  int next = 0;
};
Stagings& stagings() {
  static Stagings* const all = new Stagings;
  return *all;
}

template <class Gather>
void through_host(const GatherRowsArguments& g, std::size_t item, const Gather& gather) {
  constexpr std::int64_t most = std::int64_t{32} << 20;  // bytes at a time
  const auto row = static_cast<std::int64_t>(item) * element_count(g.source->row_shape);
  if (g.rows == 0 || row == 0) return;
  const std::int64_t piece = std::max<std::int64_t>(1, most / row);
  Stagings& all = stagings();
  const std::lock_guard lock(all.mutex);
  for (std::int64_t at = 0; at < g.rows; at += piece) {
    Staging& staging = all.two[all.next];
    all.next ^= 1;
    GatherRowsArguments part = g;
    part.rows = std::min(piece, g.rows - at);
    if (part.order != nullptr) part.order += at;
    part.first += at;
    const auto bytes = static_cast<std::size_t>(part.rows * row);
    part.out = staging.of(bytes);
    gather(part);
    runtime::copy_from_host(static_cast<char*>(g.out) + at * row, part.out, bytes, true);
    staging.copied->record();
  }
}

/// Words of four bytes.
struct GatherWords {
  static constexpr const char* kName = "gather";
  std::int64_t words;  ///< of a row
  const UploadedRows* from;
  int array;
  std::uint32_t* out;
  LAMINA_KERNEL void operator()(std::int64_t e) const {
    const std::int64_t at = from->first + e / words;
    const std::int64_t row = from->order != nullptr ? from->order[at] : at;
    out[e] = static_cast<const std::uint32_t*>(from->samples[array])[row * words + e % words];
  }
};

}  // namespace

void gather_rows(const GatherRowsArguments& g) {
  through_host(g, size_of(g.dtype), [](const GatherRowsArguments& part) { cpu::gather_rows(part); });
}

void gather_labels(const GatherRowsArguments& g) {
  through_host(g, sizeof(std::int32_t), [](const GatherRowsArguments& part) { cpu::gather_labels(part); });
}

void gather_uploaded(std::int64_t rows, std::int64_t bytes, const UploadedRows* from, int array, void* to) {
  const std::int64_t words = bytes / 4;
  for_each_item(rows * words, GatherWords{words, in<UploadedRows>(from), array, out<std::uint32_t>(to)});
}

}  // namespace lamina::cuda
