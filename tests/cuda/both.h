// The same call on the CPU and on the GPU (or its emulation), and whether they leave the same bits.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "cuda/cuda.h"
#include "device/device.h"

namespace lamina::test {

template <class T>
constexpr DType kDType = sizeof(T) == 4 ? DType::float32 : DType::float64;

/// An array as it is before the call.
struct Array {
  enum Kind { f32, f64, i32 } kind = f32;
  std::vector<char> bytes;

  template <class T>
  static Array of(const std::vector<T>& values) {
    Array a;
    a.kind = std::is_same_v<T, float> ? f32 : std::is_same_v<T, double> ? f64 : i32;
    a.bytes.resize(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(a.bytes.data(), values.data(), a.bytes.size());
    return a;
  }
};

template <class T>
bool same_numbers(const std::vector<char>& a, const std::vector<char>& b) {
  for (std::size_t i = 0; i < a.size(); i += sizeof(T)) {
    T x, y;
    std::memcpy(&x, a.data() + i, sizeof x);
    std::memcpy(&y, b.data() + i, sizeof y);
    if (x != x && y != y) continue;  // what a NaN looks like is outside of the contract
    if (std::memcmp(&x, &y, sizeof x) != 0) return false;
  }
  return true;
}

inline bool same(const Array& a, const Array& b) {
  if (a.bytes.size() != b.bytes.size()) return false;
  if (a.kind == Array::f32) return same_numbers<float>(a.bytes, b.bytes);
  if (a.kind == Array::f64) return same_numbers<double>(a.bytes, b.bytes);
  return a.bytes == b.bytes;
}

inline bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return same(Array::of(a), Array::of(b));
}

/// `call(device, pointers)` works on the arrays and may return numbers.
template <class Call>
std::vector<double> run_on(Device& device, std::vector<Array>& arrays, const Call& call) {
  std::vector<Device::Memory> memory;
  std::vector<void*> at;
  for (const Array& array : arrays) {
    memory.push_back(device.make(array.bytes.size()));
    device.copy_from_host(memory.back().get(), array.bytes.data(), array.bytes.size());
    at.push_back(memory.back().get());
  }
  const std::vector<double> numbers = call(device, at);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    device.copy_to_host(arrays[i].bytes.data(), at[i], arrays[i].bytes.size());
  }
  return numbers;
}

template <class Call>
void check_same(const std::string& what, const std::vector<Array>& arrays, const Call& call) {
  std::vector<Array> cpu = arrays, gpu = arrays;
  const std::vector<double> expected = run_on(device("cpu"), cpu, call);
  const std::vector<double> found = run_on(cuda::device(), gpu, call);
  bool good = same(expected, found);
  for (std::size_t i = 0; i < arrays.size(); ++i) good = good && same(cpu[i], gpu[i]);
  report(good, what.c_str(), __FILE__, __LINE__);
}

/// Numbers of many sizes and signs; with `special`, also zeros, infinities and NaN.
class Numbers {
 public:
  explicit Numbers(std::uint32_t seed) : engine_(seed) {}
  template <class T>
  Array array(std::int64_t n, double low = -2.0, double high = 2.0, bool special = false) {
    std::vector<T> values;
    std::uniform_real_distribution<double> uniform(low, high);
    for (std::int64_t i = 0; i < n; ++i) {
      double v = uniform(engine_);
      if (special && engine_() % 7 == 0) {
        const double list[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1e-42, -1e-42, 3e38, 1.0, -1.0};
        v = list[engine_() % 10];
      }
      values.push_back(static_cast<T>(v));
    }
    return Array::of(values);
  }
  template <class T>
  Array whole(std::int64_t n, std::int64_t below) {
    std::vector<T> values;
    for (std::int64_t i = 0; i < n; ++i)
      values.push_back(static_cast<T>(engine_() % static_cast<std::uint32_t>(below)));
    return Array::of(values);
  }
  /// Class indices; with `missing`, some are kMissingLabel.
  Array labels(std::int64_t n, std::int64_t classes, bool missing) {
    std::vector<std::int32_t> values;
    for (std::int64_t i = 0; i < n; ++i) {
      values.push_back(missing && engine_() % 7 == 0
                           ? kMissingLabel
                           : static_cast<std::int32_t>(engine_() % static_cast<std::uint32_t>(classes)));
    }
    return Array::of(values);
  }

 private:
  std::mt19937 engine_;
};

}  // namespace lamina::test
