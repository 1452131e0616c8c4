// The extents or strides of an array that belongs to someone else: a short list of numbers
// that needs no heap for arrays of the usual rank, so that a step can be handed its arrays
// without an allocation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace lamina {

class Extents {
 public:
  /// Ranks up to here are kept in place.
  static constexpr std::size_t kInPlace = 4;

  Extents() = default;
  Extents(std::initializer_list<std::int64_t> values) { assign(values.begin(), values.end()); }
  Extents(const std::vector<std::int64_t>& values) { assign(values.begin(), values.end()); }  // NOLINT

  template <class Iterator>
  void assign(Iterator first, Iterator last) {
    size_ = 0;
    more_.clear();
    for (; first != last; ++first) push_back(*first);
  }
  void push_back(std::int64_t value) {
    if (size_ < kInPlace) {
      few_[size_] = value;
    } else {
      if (size_ == kInPlace) more_.assign(few_, few_ + kInPlace);
      more_.push_back(value);
    }
    ++size_;
  }

  void resize(std::size_t size) {
    while (size_ < size) push_back(0);
    size_ = size;
    if (size_ <= kInPlace && !more_.empty()) {
      std::copy_n(more_.begin(), size_, few_);
      more_.clear();
    } else if (size_ > kInPlace) {
      more_.resize(size_);
    }
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const std::int64_t* begin() const { return size_ <= kInPlace ? few_ : more_.data(); }
  const std::int64_t* end() const { return begin() + size_; }
  std::int64_t operator[](std::size_t i) const { return begin()[i]; }
  std::int64_t& operator[](std::size_t i) { return size_ <= kInPlace ? few_[i] : more_[i]; }

  friend bool operator==(const Extents& a, const Extents& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }
  friend bool operator==(const Extents& a, const std::vector<std::int64_t>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  std::size_t size_ = 0;
  std::int64_t few_[kInPlace] = {};
  std::vector<std::int64_t> more_;  ///< all of them, once there are more than kInPlace
};

}  // namespace lamina
