// Reads doubles from standard input and writes lamina's function of each to standard output,
// both as raw bytes: `map_float64 exp < x.bin > y.bin`. pow reads pairs x, y. For
// check_float64.py.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/float_environment.h"
#include "isa/elementary_maps.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: map_float64 FUNCTION < x > y\n");
    return 2;
  }
  std::vector<double> x;
  double buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, sizeof(double), 4096, stdin)) > 0;) {
    x.insert(x.end(), buffer, buffer + n);
  }
  const lamina::FloatEnvironment environment;
  const auto& maps = lamina::cpu::scalar::elementary_maps;
  std::size_t count = x.size();
  std::vector<double> y;
  if (std::strcmp(argv[1], "pow") == 0) {
    count /= 2;
    const std::size_t padded = (count + 15) / 16 * 16;
    std::vector<double> base(padded), exponent(padded);
    for (std::size_t i = 0; i < count; ++i) {
      base[i] = x[2 * i];
      exponent[i] = x[2 * i + 1];
    }
    y.resize(padded);
    maps.pow64(base.data(), exponent.data(), y.data(), padded);
  } else {
    x.resize((count + 15) / 16 * 16);
    for (std::size_t function = 0; function < maps.count; ++function) {
      if (std::strcmp(argv[1], maps.float64[function].name) != 0) continue;
      y.resize(x.size());
      maps.float64[function].apply(x.data(), y.data(), x.size());
    }
    if (y.size() != x.size()) {
      std::fprintf(stderr, "no function %s\n", argv[1]);
      return 2;
    }
  }
  std::fwrite(y.data(), sizeof(double), count, stdout);
  return EXIT_SUCCESS;
}
