// Tensor: a typed, strided view of shared memory. A cheap value, like a shared pointer.
//
// What a tensor holds is not changed by any function of ops/; only Variables (and whoever shares
// memory with NumPy or DLPack) write, and each write raises the storage's version.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/types.h"

namespace lamina {

class Device;

inline constexpr int kMaximumRank = 16;

/// Extents or strides, kept in place: at most kMaximumRank numbers.
class ArrayShape {
 public:
  ArrayShape() = default;
  ArrayShape(std::initializer_list<std::int64_t> values) { assign(values.begin(), values.end()); }
  explicit ArrayShape(const Shape& values) { assign(values.begin(), values.end()); }
  ArrayShape(const ArrayShape& other) { copy(other); }
  ArrayShape& operator=(const ArrayShape& other) {
    copy(other);
    return *this;
  }

  template <class Iterator>
  void assign(Iterator first, Iterator last) {
    rank_ = 0;
    for (; first != last; ++first) push_back(*first);
  }
  void push_back(std::int64_t value) {
    if (rank_ == kMaximumRank) too_many();
    values_[rank_++] = value;
  }
  void insert(int axis, std::int64_t value) {
    push_back(0);
    for (int i = rank_ - 1; i > axis; --i) values_[i] = values_[i - 1];
    values_[axis] = value;
  }
  void erase(int axis) {
    for (int i = axis; i + 1 < rank_; ++i) values_[i] = values_[i + 1];
    --rank_;
  }
  void resize(int rank, std::int64_t value = 0) {
    while (rank_ < rank) push_back(value);
    rank_ = rank;
  }

  int rank() const { return rank_; }
  std::size_t size() const { return static_cast<std::size_t>(rank_); }
  bool empty() const { return rank_ == 0; }
  const std::int64_t* begin() const { return values_; }
  const std::int64_t* end() const { return values_ + rank_; }
  std::int64_t operator[](int axis) const { return values_[axis]; }
  std::int64_t& operator[](int axis) { return values_[axis]; }
  std::int64_t back() const { return values_[rank_ - 1]; }
  Shape to_shape() const { return Shape(begin(), end()); }
  std::int64_t count() const;  ///< element_count

  friend bool operator==(const ArrayShape& a, const ArrayShape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i) {
      if (a.values_[i] != b.values_[i]) return false;
    }
    return true;
  }

 private:
  void copy(const ArrayShape& other) {
    rank_ = other.rank_;
    for (int i = 0; i < rank_; ++i) values_[i] = other.values_[i];
  }
  [[noreturn]] static void too_many();

  int rank_ = 0;
  std::int64_t values_[kMaximumRank];
};

/// "(3, 4)", "(5,)", "()". (Templates, so that a braced list means a Shape.)
template <std::same_as<ArrayShape> A>
std::string to_string(const A& shape) {
  return to_string(shape.to_shape());
}
/// The product of the extents; ValueError when one is negative or the product is beyond what
/// memory can hold.
template <std::same_as<ArrayShape> A>
std::int64_t element_count(const A& shape) {
  return shape.count();
}
/// The strides, in elements, of a row-major array.
ArrayShape row_major_strides(const ArrayShape& shape);

/// Memory that tensors share: its own, or somebody else's with a keeper that lets it go.
class Storage {
 public:
  using Keeper = void (*)(void* context) noexcept;

  /// Uninitialised memory of `device`.
  static Storage* allocate(std::size_t bytes, Device* device);
  /// Memory that `keeper(context)` releases, once, when no tensor uses it any more.
  static Storage* borrow(void* data, std::size_t bytes, Device* device, bool writeable, Keeper keeper,
                         void* context);

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  Device* device() const { return device_; }
  bool writeable() const { return writeable_; }
  /// Memory of lamina's own, not a view of an array that somebody else may change.
  bool owned() const { return keeper_ == nullptr; }

  /// Grows with each change in place.
  std::uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  void changed() { version_.fetch_add(1, std::memory_order_relaxed); }

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

 private:
  Storage() = default;
  ~Storage() = default;
  void destroy() noexcept;

  std::atomic<std::uint32_t> references_{1};
  bool writeable_ = true, together_ = false;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  Device* device_ = nullptr;
  std::atomic<std::uint64_t> version_{0};
  Keeper keeper_ = nullptr;
  void* context_ = nullptr;
};

/// What a Tensor points to.
struct TensorBody {
  std::atomic<std::uint32_t> references{1};
  ElementType type = ElementType::float32;
  bool contiguous = true;
  std::int64_t size = 1;
  std::int64_t offset = 0;    ///< elements from the storage's start
  std::byte* data = nullptr;  ///< the first element
  Storage* storage = nullptr;
  std::uint64_t id = 0;
  ArrayShape shape, strides;        ///< strides in elements
  std::shared_ptr<void> grad_link;  ///< belongs to autograd; ops never look at it

  ~TensorBody() {
    if (storage != nullptr) storage->release();
  }
  static void* operator new(std::size_t bytes);
  static void operator delete(void* memory, std::size_t bytes) noexcept;
};

class Tensor {
 public:
  Tensor() = default;  ///< no tensor; test with defined()
  /// Row-major and uninitialised.
  Tensor(ElementType type, const ArrayShape& shape, Device* device);
  /// A view of `storage`, of which a reference is taken over. Trusted: all lies inside of it.
  Tensor(ElementType type, const ArrayShape& shape, const ArrayShape& strides, std::int64_t offset,
         Storage* storage);

  Tensor(const Tensor& other) noexcept : body_(other.body_) {
    if (body_ != nullptr) body_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Tensor(Tensor&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}
  Tensor& operator=(Tensor other) noexcept {
    std::swap(body_, other.body_);
    return *this;
  }
  ~Tensor() {
    if (body_ != nullptr && body_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete body_;
  }

  bool defined() const { return body_ != nullptr; }
  ElementType type() const { return body_->type; }
  const ArrayShape& shape() const { return body_->shape; }
  const ArrayShape& strides() const { return body_->strides; }
  std::int64_t offset() const { return body_->offset; }
  std::int64_t extent(int axis) const { return body_->shape[axis]; }
  int rank() const { return body_->shape.rank(); }
  std::int64_t size() const { return body_->size; }
  /// Row-major without gaps.
  bool contiguous() const { return body_->contiguous; }
  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(body_->data);
  }
  void* raw() const { return body_->data; }
  Storage& storage() const { return *body_->storage; }
  Device* device() const { return body_->storage->device(); }
  /// No two tensors of a process have the same; a view has its own.
  std::uint64_t id() const { return body_->id; }
  bool is(const Tensor& other) const { return body_ == other.body_; }

  const std::shared_ptr<void>& grad_link() const { return body_->grad_link; }
  void set_grad_link(std::shared_ptr<void> link) const { body_->grad_link = std::move(link); }

  /// Another view of the same memory; `offset` from this tensor's first element. Trusted.
  Tensor view(const ArrayShape& shape, const ArrayShape& strides, std::int64_t offset) const;
  /// The same memory under a body (and grad_link) of its own.
  Tensor alias() const { return view(shape(), strides(), 0); }

 private:
  TensorBody* body_ = nullptr;
};

}  // namespace lamina
