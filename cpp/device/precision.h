// How exactly a device computes the products of layers.
#pragma once

#include <cstdint>
#include <string_view>

namespace lamina {

/// Of the products in a layer's forward and backward pass (GemmArguments::of_layer), in float32. Everything
/// else, and all of `strict`, is the contract's (docs/numerics.md); the others are outside of it.
enum class Precision : std::uint8_t {
  strict,
  tf32,  ///< operands rounded to 10 bits after the leading one, as they are multiplied; sums in float32
  bf16,  ///< operands rounded to bfloat16 beforehand; sums in float32
};

std::string_view name_of(Precision precision);
/// ValueError for any other name, which lists the three.
Precision precision_from_name(std::string_view name);

}  // namespace lamina
