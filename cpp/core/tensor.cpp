#include "core/tensor.h"

#include <new>

#include "core/memory_cache.h"

namespace lamina {

void ArrayShape::too_many() { throw ValueError(text("[tensor] there are at most ", kMaximumRank, " axes")); }

std::int64_t ArrayShape::count() const {
  constexpr std::int64_t most = std::int64_t{1} << 47;
  std::int64_t count = 1;
  bool empty = false, huge = false;
  for (const std::int64_t extent : *this) {
    if (extent < 0) {
      throw ValueError(text("[shape] extents must not be negative. Received: ", to_string(*this)));
    }
    empty = empty || extent == 0;
    huge = huge || (extent != 0 && count > most / extent);
    if (!huge && extent != 0) count *= extent;
  }
  if (empty) return 0;
  if (huge) {
    throw ValueError(text("[shape] more elements than memory can hold. Received: ", to_string(*this)));
  }
  return count;
}

ArrayShape row_major_strides(const ArrayShape& shape) {
  ArrayShape strides;
  strides.resize(shape.rank());
  std::uint64_t step = 1;  // wraps where an extent of 0 lets the others be anything
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = static_cast<std::int64_t>(step);
    step *= static_cast<std::uint64_t>(shape[axis] > 0 ? shape[axis] : 1);
  }
  return strides;
}

namespace {

constexpr std::size_t kHeader = 128;  // before small data: whole cache lines
constexpr std::size_t kTogether = std::size_t{32} << 10;
static_assert(sizeof(Storage) <= kHeader);

std::atomic<std::uint64_t> next_id{1};

bool is_row_major(const ArrayShape& shape, const ArrayShape& strides, std::int64_t size) {
  if (size <= 1) return true;
  std::int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (shape[axis] == 1) continue;
    if (strides[axis] != step) return false;
    step *= shape[axis];
  }
  return true;
}

}  // namespace

Storage* Storage::allocate(std::size_t bytes, Device* device) {
  // Small data lies behind its header: one block for both.
  const bool together = bytes <= kTogether;
  void* const block = memory_cache::allocate(together ? kHeader + bytes : sizeof(Storage));
  auto* const storage = new (block) Storage;
  storage->bytes_ = bytes;
  storage->device_ = device;
  storage->together_ = together;
  if (together) {
    storage->data_ = static_cast<std::byte*>(block) + kHeader;
    return storage;
  }
  try {
    storage->data_ = memory_cache::allocate(bytes);
  } catch (...) {
    storage->~Storage();
    memory_cache::release(block, sizeof(Storage));
    throw;
  }
  return storage;
}

Storage* Storage::borrow(void* data, std::size_t bytes, Device* device, bool writeable, Keeper keeper,
                         void* context) {
  auto* const storage = new (memory_cache::allocate(sizeof(Storage))) Storage;
  storage->data_ = data;
  storage->bytes_ = bytes;
  storage->device_ = device;
  storage->writeable_ = writeable;
  storage->keeper_ = keeper;
  storage->context_ = context;
  return storage;
}

void Storage::destroy() noexcept {
  const std::size_t block = together_ ? kHeader + bytes_ : sizeof(Storage);
  if (keeper_ != nullptr) {
    keeper_(context_);
  } else if (!together_) {
    memory_cache::release(data_, bytes_);
  }
  this->~Storage();
  memory_cache::release(this, block);
}

void* TensorBody::operator new(std::size_t bytes) { return memory_cache::allocate(bytes); }
void TensorBody::operator delete(void* memory, std::size_t bytes) noexcept {
  memory_cache::release(memory, bytes);
}

Tensor::Tensor(ElementType type, const ArrayShape& shape, Device* device) {
  const std::int64_t size = element_count(shape);
  Storage* const storage = Storage::allocate(static_cast<std::size_t>(size) * size_of(type), device);
  try {
    body_ = new TensorBody;
  } catch (...) {
    storage->release();
    throw;
  }
  body_->type = type;
  body_->size = size;
  body_->shape = shape;
  body_->strides = row_major_strides(shape);
  body_->storage = storage;
  body_->data = static_cast<std::byte*>(storage->data());
  body_->id = next_id.fetch_add(1, std::memory_order_relaxed);
}

Tensor::Tensor(ElementType type, const ArrayShape& shape, const ArrayShape& strides, std::int64_t offset,
               Storage* storage) {
  try {
    body_ = new TensorBody;
  } catch (...) {
    storage->release();
    throw;
  }
  body_->storage = storage;
  body_->type = type;
  body_->size = element_count(shape);
  body_->shape = shape;
  body_->strides = strides;
  body_->offset = offset;
  body_->contiguous = is_row_major(shape, strides, body_->size);
  body_->data = static_cast<std::byte*>(storage->data());
  if (offset != 0) body_->data += offset * static_cast<std::int64_t>(size_of(type));
  body_->id = next_id.fetch_add(1, std::memory_order_relaxed);
}

Tensor Tensor::view(const ArrayShape& shape, const ArrayShape& strides, std::int64_t offset) const {
  body_->storage->retain();
  return Tensor(body_->type, shape, strides, body_->offset + offset, body_->storage);
}

}  // namespace lamina
