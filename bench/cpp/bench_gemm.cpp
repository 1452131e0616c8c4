// Speed of the matrix products: GFLOP/s and the share of the machine's fused multiply-add
// peak, which is measured in the same run by a loop that touches registers only.
//
//   bench_gemm [threads [seconds per shape [filter [of A [of B [of C]]]]]]
//
// A filter that fits no line of the table is a shape of its own, such as 64x112x3072NN. The last
// arguments say how the rows of an operand lie in memory: so many elements behind each other's end
// (0), or, where it is "one", all are the same row.
//
// Rounds of peak and product alternate. Shown are the median share of the rounds and, for
// a machine that is busy with other work, the fastest round over the fastest peak.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "core/error.h"
#include "core/threads.h"
#include "cpu/dispatch.h"
#include "cpu/gemm/gemm.h"
#include "peak.h"

namespace {

using namespace lamina::bench;
using lamina::GemmArguments;

struct Shape {
  std::int64_t m, n, k;
  const char* form;  // NN: C = A B; TN: A lies transposed, chunks of rows; NT: B lies transposed
  bool is_double;
};

/// How the rows of A, B and C lie: elements between them, or kOne.
struct Gaps {
  static constexpr std::int64_t kOne = -1;
  std::int64_t a = 0, b = 0, c = 0;

  static std::int64_t of(const char* argument) {
    return std::string(argument) == "one" ? kOne : std::max<std::int64_t>(0, std::atoll(argument));
  }
};
std::int64_t stride_of(std::int64_t row, std::int64_t gap) { return gap == Gaps::kOne ? 0 : row + gap; }

template <class T>
struct Case {
  lamina::Buffer a, b, c;
  GemmArguments g;

  static lamina::Buffer matrix(std::int64_t rows, std::int64_t row, std::int64_t gap) {
    return lamina::Buffer(static_cast<std::size_t>(rows * (row + std::max<std::int64_t>(gap, 0))) *
                          sizeof(T));
  }

  Case(const Shape& s, const Gaps& gaps)
      : a(s.form[0] == 'T' ? matrix(s.k, s.m, gaps.a) : matrix(s.m, s.k, gaps.a)),
        b(s.form[1] == 'T' ? matrix(s.n, s.k, gaps.b) : matrix(s.k, s.n, gaps.b)),
        c(matrix(s.m, s.n, gaps.c)) {
    std::uint32_t state = 1;
    for (const lamina::Buffer* v : {&a, &b}) {
      for (std::size_t i = 0; i < v->bytes() / sizeof(T); ++i)
        v->as<T>()[i] =
            static_cast<T>(static_cast<std::int32_t>(state = state * 1664525u + 1013904223u)) * T(1e-9);
    }
    g.dtype = sizeof(T) == 4 ? lamina::DType::float32 : lamina::DType::float64;
    g.m = s.m, g.n = s.n, g.k = s.k;
    g.a = a.data(), g.b = b.data(), g.c = c.data(), g.c_row = s.n + std::max<std::int64_t>(gaps.c, 0);
    const bool a_transposed = s.form[0] == 'T', b_transposed = s.form[1] == 'T';
    if (a_transposed) g.reduction = lamina::Reduction::rows;
    const std::int64_t a_stride = stride_of(a_transposed ? s.m : s.k, gaps.a);
    const std::int64_t b_stride = stride_of(b_transposed ? s.k : s.n, gaps.b);
    g.a_row = a_transposed ? 1 : a_stride, g.a_column = a_transposed ? a_stride : 1;
    g.b_row = b_transposed ? 1 : b_stride, g.b_column = b_transposed ? b_stride : 1;
  }
};

template <class T>
void bench(const Shape& s, const Gaps& gaps, const std::string& isa, double span) {
  Case<T> one(s, gaps);
  const Peak peak = peak_of(isa, sizeof(T) == 8);
  const double flop = 2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
  lamina::cpu::gemm(one.g);
  const auto trial = now();
  lamina::cpu::gemm(one.g);
  const double once = std::max(1e-6, now() - trial);
  const int repeats = std::max(1, static_cast<int>(kWorkSlice / once));
  const int rounds = std::max(15, static_cast<int>(span / (repeats * once + 2 * kPeakSlice)));
  std::vector<double> rates, peaks, shares;
  for (int round = 0; round < rounds; ++round) {
    const double before = measure_peak(peak, kPeakSlice);
    const auto start = now();
    for (int i = 0; i < repeats; ++i) lamina::cpu::gemm(one.g);
    const double rate = flop * repeats / (now() - start);
    const double after = measure_peak(peak, kPeakSlice);
    rates.push_back(rate);
    peaks.push_back((before + after) / 2);
    shares.push_back(rate / std::max(1.0, (before + after) / 2));
  }
  const double fastest = *std::max_element(rates.begin(), rates.end()) /
                         std::max(1.0, *std::max_element(peaks.begin(), peaks.end()));
  std::printf(
      "%6lld x %5lld x %5lld %s %s %9.2f us %8.1f GFLOP/s  peak %7.1f  share: median %5.1f %%, fastest %5.1f "
      "%%\n",
      static_cast<long long>(s.m), static_cast<long long>(s.n), static_cast<long long>(s.k), s.form,
      sizeof(T) == 4 ? "f32" : "f64", flop / median(rates) * 1e6, median(rates) * 1e-9, median(peaks) * 1e-9,
      100 * median(shares), 100 * fastest);
  std::fflush(stdout);
}

constexpr Shape kShapes[] = {
    {1024, 1024, 1024, "NN", false}, {4096, 4096, 1024, "NN", false}, {512, 512, 512, "NN", false},
    {128, 512, 784, "NN", false},    {784, 512, 128, "TN", false},    {128, 784, 512, "NT", false},
    {64, 100, 3072, "NN", false},    {3072, 100, 64, "TN", false},    {64, 3072, 100, "NT", false},
    {128, 512, 512, "NN", false},    {512, 512, 128, "TN", false},    {128, 512, 512, "NT", false},
    {1024, 4096, 1024, "TN", false}, {1024, 1024, 4096, "NT", false}, {256, 256, 256, "NN", false},
    {64, 256, 256, "NN", false},     {64, 256, 256, "NT", false},     {256, 256, 64, "TN", false},
    {256, 10, 784, "NN", false},     {784, 10, 256, "TN", false},     {256, 1, 256, "NN", false},
    {256, 1, 256, "TN", false},      {256, 256, 1, "NT", false},      {64, 64, 4, "NN", false},
    {64, 64, 64, "NN", false},       {64, 2, 64, "NN", false},        {64, 64, 64, "NT", false},
    {64, 64, 64, "TN", false},       {64, 64, 2, "NT", false},        {4, 64, 64, "TN", false},
    {1, 512, 784, "NN", false},      {1, 10, 512, "NN", false},       {1, 64, 64, "NN", false},
    {8192, 512, 784, "NN", false},   {256, 1024, 1024, "NN", false},  {128, 2048, 512, "NN", false},
    {64, 4096, 1024, "NN", false},   {1024, 1024, 1024, "TN", false}, {1024, 1024, 1024, "NT", false},
    {512, 512, 512, "NN", true},     {128, 512, 784, "NN", true},
};

}  // namespace

int main(int argc, char** argv) {
  lamina::threads::set_count(argc > 1 ? std::max(1, std::atoi(argv[1])) : 1);
  const double span = argc > 2 ? std::atof(argv[2]) : 0.5;
  const std::string filter = argc > 3 ? argv[3] : "";
  const Gaps gaps{argc > 4 ? Gaps::of(argv[4]) : 0, argc > 5 ? Gaps::of(argv[5]) : 0,
                  argc > 6 ? Gaps::of(argv[6]) : 0};
  const std::string isa = lamina::cpu::kernels().isa;
  std::printf("%s, %d thread(s)\n", isa.c_str(), lamina::threads::count());
  bool any = false;
  for (const Shape& s : kShapes) {
    const std::string name = lamina::text(s.m, "x", s.n, "x", s.k, s.form, s.is_double ? "f64" : "f32");
    if (name.find(filter) == std::string::npos) continue;
    s.is_double ? bench<double>(s, gaps, isa, span) : bench<float>(s, gaps, isa, span);
    any = true;
  }
  if (!any) {  // a shape that is not in the table
    long long m = 0, n = 0, k = 0;
    char form[3] = "NN";
    if (std::sscanf(filter.c_str(), "%lldx%lldx%lld%2[NT]", &m, &n, &k, form) < 3 || m < 1 || n < 1 ||
        k < 1) {
      std::fprintf(stderr, "no such shape: %s\n", filter.c_str());
      return 2;
    }
    bench<float>({m, n, k, form, false}, gaps, isa, span);
  }
  return 0;
}
