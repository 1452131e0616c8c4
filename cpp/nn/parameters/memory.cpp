#include "nn/parameters/memory.h"

#include <memory>
#include <mutex>
#include <utility>

#include "nn/parameters/flat_pointers.h"

namespace lamina::nn {

namespace {

/// Uninitialised memory of the device, as a tensor.
Tensor memory_of(Device& device, ElementType type, std::int64_t elements) {
  const ArrayShape shape{elements};
  if (device.is_host()) return Tensor(type, shape, &device);
  const std::size_t bytes = static_cast<std::size_t>(elements) * size_of(type);
  auto memory = std::make_unique<Device::Memory>(device.make(bytes));
  const auto release = [](void* kept) noexcept { delete static_cast<Device::Memory*>(kept); };
  Storage* const storage = Storage::borrow(memory->get(), bytes, &device, true, release, memory.get());
  static_cast<void>(memory.release());  // the storage's from here on
  return Tensor(type, shape, row_major_strides(shape), 0, storage);
}

}  // namespace

std::vector<ParameterMemory::Place> ParameterMemory::places_of(const ParameterLayout& layout) {
  std::vector<Place> places;
  places.reserve(layout.parameters().size());
  for (const PlacedParameter& p : layout.parameters()) places.push_back({p.shape, p.offset, p.count});
  return places;
}

void ParameterMemory::lay_out(const ParameterLayout& layout) {
  std::vector<Place> places = places_of(layout);
  Tensor values = memory_of(device_, element_type(dtype_), layout.elements());
  device_.fill_zero(values.raw(), static_cast<std::size_t>(layout.elements()) * size_of(dtype_));
  places_ = std::move(places);
  elements_ = layout.elements();
  values_ = std::move(values);
}

bool ParameterMemory::fits(const ParameterLayout& layout) const {
  return laid_out() && elements_ == layout.elements() && places_ == places_of(layout);
}

Tensor ParameterMemory::view(std::size_t i) const {
  const Place& place = places_.at(i);
  const ArrayShape shape(place.shape);
  return values_.view(shape, row_major_strides(shape), place.offset);
}

std::size_t ParameterMemory::bytes_of(std::size_t i) const {
  return static_cast<std::size_t>(places_.at(i).count) * size_of(dtype_);
}

void ParameterMemory::read(const void* flat, std::size_t i, void* to_host, std::int64_t count) const {
  const Place& place = places_.at(i);
  const std::shared_lock lock(lock_);
  device_.copy_to_host(to_host, at(flat, place.offset, dtype_),
                       static_cast<std::size_t>(count < 0 ? place.count : count) * size_of(dtype_));
}

void ParameterMemory::write(void* flat, std::size_t i, const void* from_host, std::int64_t count) const {
  const Place& place = places_.at(i);
  const std::unique_lock lock(lock_);
  values();  // a prediction may have copied the old ones since `flat` was taken
  device_.copy_from_host(at(flat, place.offset, dtype_), from_host,
                         static_cast<std::size_t>(count < 0 ? place.count : count) * size_of(dtype_));
  changed();
}

}  // namespace lamina::nn
