// Tensors, their memory, and the tape's handles: values, counts and limits that Python cannot see.
#include <cstdint>
#include <thread>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/memory_cache.h"
#include "core/tensor.h"
#include "ops/ops.h"

using namespace lamina;

namespace {

Tensor counting(const ArrayShape& shape) {
  return ops::reshape(ops::arange(ElementType::float32, 0.0, 1.0, element_count(shape)), shape);
}

void views_share_memory() {
  const Tensor x = counting({3, 4});
  CHECK(x.contiguous() && x.size() == 12 && x.rank() == 2);
  const Tensor t = ops::transpose(x);
  CHECK(&t.storage() == &x.storage() && !t.contiguous() && t.id() != x.id());
  CHECK(t.shape() == (ArrayShape{4, 3}) && t.strides() == (ArrayShape{1, 4}));
  const Tensor dense = ops::contiguous(t);
  CHECK(dense.contiguous() && &dense.storage() != &x.storage());
  CHECK(dense.data<float>()[1] == 4.0f && dense.data<float>()[11] == 11.0f);
  const Tensor reversed = ops::flip(x, ops::Axes(ArrayShape{1}));
  CHECK(reversed.offset() == 3 && *reversed.data<float>() == 3.0f);
  CHECK(ops::contiguous(x).is(x));
  const Tensor wide = ops::broadcast_to(ops::reshape(counting({3}), {3, 1}), {3, 5});
  CHECK(wide.strides()[1] == 0 && ops::contiguous(wide).data<float>()[14] == 2.0f);
}

void bits_of_another_type() {
  const Tensor x = ops::full(ElementType::float32, {2}, -0.0);
  const Tensor bits = ops::bitcast(x, ElementType::int32);
  CHECK(bits.data<std::int32_t>()[1] == INT32_MIN && &bits.storage() == &x.storage());
  CHECK_THROWS(ops::bitcast(x, ElementType::int64), TypeError);
  CHECK_THROWS(ops::bitcast(ops::zeros(ElementType::uint8, {1}), ElementType::boolean), TypeError);
}

void limits() {
  CHECK_THROWS(ops::zeros(ElementType::float32, {std::int64_t{1} << 40, std::int64_t{1} << 40}), ValueError);
  CHECK_THROWS(ops::zeros(ElementType::float32, {-1}), ValueError);
  CHECK(ops::zeros(ElementType::float32, {std::int64_t{1} << 40, 0}).size() == 0);
  ArrayShape shape;
  for (int i = 0; i < kMaximumRank; ++i) shape.push_back(1);
  CHECK(ops::zeros(ElementType::float32, shape).rank() == kMaximumRank);
  CHECK_THROWS(shape.push_back(1), ValueError);
  CHECK_THROWS(ops::sum(counting({3}), ops::Axes(ArrayShape{1})), ops::AxisError);
  CHECK_THROWS(ops::add(counting({2, 3}), counting({4})), ValueError);
}

int released = 0;
void count_release(void*) noexcept { ++released; }

void borrowed_memory() {
  float values[4] = {1.0f, 2.0f, 3.0f, 4.0f};
  {
    const Tensor x(
        ElementType::float32, {4}, {1}, 0,
        Storage::borrow(values, sizeof(values), &ops::current_device(), false, count_release, nullptr));
    const Tensor last = x.view({1}, {1}, 3);
    CHECK(*last.data<float>() == 4.0f && !x.storage().owned());
    CHECK_THROWS(ops::assign(x, counting({4})), ValueError);
    CHECK(released == 0);
  }
  CHECK(released == 1);
  const Tensor own = counting({4});
  const std::uint64_t before = own.storage().version();
  ops::assign(own, ops::full(ElementType::float32, {1}, 7.0));
  CHECK(own.data<float>()[3] == 7.0f && own.storage().version() == before + 1);
}

/// Blocks of every size come back whole, from any thread.
void cached_memory() {
  for (std::size_t bytes = 1; bytes < (std::size_t{1} << 21); bytes += 1 + bytes / 3) {
    auto* const block = static_cast<unsigned char*>(memory_cache::allocate(bytes));
    CHECK(reinterpret_cast<std::uintptr_t>(block) % 64 == 0);
    for (std::size_t i = 0; i < bytes; i += 61) block[i] = static_cast<unsigned char>(bytes);
    auto* const other = static_cast<unsigned char*>(memory_cache::allocate(bytes));
    CHECK(other + bytes <= block || block + bytes <= other);
    std::thread([=] { memory_cache::release(block, bytes); }).join();
    memory_cache::release(other, bytes);
  }
  CHECK(memory_cache::waiting_bytes() <= memory_cache::kLargeLimit);
  memory_cache::clear();
  CHECK(memory_cache::waiting_bytes() == 0);
  CHECK_THROWS(memory_cache::allocate(std::size_t{1} << 62), std::bad_alloc);
  CHECK_THROWS(memory_cache::allocate(SIZE_MAX), std::bad_alloc);
}

/// Handles are counted atomically: many threads copy and drop one tensor and make their own.
void many_threads() {
  const Tensor x = counting({64});
  std::vector<std::thread> threads;
  std::vector<double> sums(4);
  for (std::size_t t = 0; t < sums.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const Tensor copy = x;
        sums[t] += static_cast<double>(*ops::sum(ops::add(copy, copy)).data<float>());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const double sum : sums) CHECK(sum == 2000.0 * 4032.0);
}

}  // namespace

int main() {
  views_share_memory();
  bits_of_another_type();
  limits();
  borrowed_memory();
  cached_memory();
  many_threads();
  return test::result();
}
