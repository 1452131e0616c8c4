// Matrix products, bit by bit, against the text of the contract: every element is a chain of
// fused multiply-adds from +0 in each chunk, the chunks are joined by the binary tree, then
// the bias is added. The oracle below knows nothing of tiles, vectors or threads.
//
//   test_gemm [--thorough]   every size up to 33 and every form of the larger ones
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#if !defined(_WIN32)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "check.h"
#include "core/threads.h"
#include "cpu/activation/activation.h"
#include "cpu/gemm/gemm.h"
#include "each_isa.h"
#include "numbers.h"

namespace {

using lamina::Activation;
using lamina::ActivationKind;
using lamina::DType;
using lamina::GemmArguments;
using lamina::Reduction;
using lamina::test::Numbers;
using lamina::test::same_bits;

template <class T>
constexpr DType kDType = sizeof(T) == 4 ? DType::float32 : DType::float64;

/// Memory that ends where a page begins that must not be touched, and starts with a canary.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::int64_t n) : n_(n) {
#if !defined(_WIN32)
    page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    bytes_ = (static_cast<std::size_t>(n) * sizeof(T) + kCanary + page_ - 1) / page_ * page_;
    base_ = static_cast<char*>(
        mmap(nullptr, bytes_ + page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + bytes_, page_, PROT_NONE);
#else
    bytes_ = static_cast<std::size_t>(n) * sizeof(T) + kCanary;
    base_ = static_cast<char*>(std::malloc(bytes_));
#endif
    data_ = reinterpret_cast<T*>(base_ + bytes_ - static_cast<std::size_t>(n) * sizeof(T));
    std::memset(canary(), 0x5a, kCanary);
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() {
    bool intact = true;
    for (std::size_t i = 0; i < kCanary; ++i) intact &= canary()[i] == 0x5a;
    CHECK(intact);
#if !defined(_WIN32)
    munmap(base_, bytes_ + page_);
#else
    std::free(base_);
#endif
  }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::int64_t i) { return data_[i]; }
  T operator[](std::int64_t i) const { return data_[i]; }
  std::int64_t size() const { return n_; }

 private:
  static constexpr std::size_t kCanary = 64;
  char* canary() const { return reinterpret_cast<char*>(data_) - kCanary; }
  std::int64_t n_;
  std::size_t page_ = 0, bytes_ = 0;
  char* base_ = nullptr;
  T* data_ = nullptr;
};

template <class T>
void fill(Guarded<T>& to, Numbers& random) {
  for (std::int64_t i = 0; i < to.size(); ++i) to[i] = random.number<T>();
}

/// The contract: one element, from its terms.
template <class T, class A, class B>
T oracle(std::int64_t k, std::int64_t chunk, A a, B b) {
  std::vector<T> sums;
  for (std::int64_t begin = 0; begin < k; begin += chunk) {
    T sum = T(0);
    for (std::int64_t l = begin; l < k && l < begin + chunk; ++l) sum = std::fma(a(l), b(l), sum);
    sums.push_back(sum);
  }
  while (sums.size() > 1) {
    std::vector<T> next;
    for (std::size_t i = 0; i < sums.size(); i += 2) {
      next.push_back(i + 1 < sums.size() ? sums[i] + sums[i + 1] : sums[i]);
    }
    sums = next;
  }
  return sums.empty() ? T(0) : sums[0];
}

/// How an operand lies in memory.
struct Layout {
  std::int64_t row, column;
  std::int64_t extent(std::int64_t rows, std::int64_t columns) const {
    return rows == 0 || columns == 0 ? 0 : (rows - 1) * row + (columns - 1) * column + 1;
  }
};
enum Form { kNN, kTN, kNT, kTT, kStrided };
Layout layout_a(Form form, std::int64_t m, std::int64_t k) {
  if (form == kStrided) return {2 * k + 1, 2};
  return form == kTN || form == kTT ? Layout{1, m} : Layout{k, 1};
}
Layout layout_b(Form form, std::int64_t k, std::int64_t n) {
  if (form == kStrided) return {3, 3 * k + 2};
  return form == kNT || form == kTT ? Layout{1, k} : Layout{n, 1};
}

template <class T>
GemmArguments arguments(Reduction reduction, std::int64_t m, std::int64_t n, std::int64_t k, const T* a,
                        Layout la, const T* b, Layout lb, T* c, std::int64_t c_row) {
  GemmArguments g;
  g.dtype = kDType<T>;
  g.reduction = reduction;
  g.m = m, g.n = n, g.k = k;
  g.a = a, g.a_row = la.row, g.a_column = la.column;
  g.b = b, g.b_row = lb.row, g.b_column = lb.column;
  g.c = c, g.c_row = c_row;
  return g;
}

constexpr std::int64_t chunk_of(Reduction reduction) { return reduction == Reduction::depth ? 512 : 128; }

/// Every size up to 33, every form. C has a gap behind each row that must stay as it was.
template <class T>
void test_small_sizes(bool thorough) {
  constexpr std::int64_t most = 33;
  Numbers random(1);
  std::vector<T> left(most * most), right(most * most), expected((most + 1) * most * most);
  for (T& x : left) x = random.number<T>();
  for (T& x : right) x = random.number<T>();
  for (std::int64_t k = 0; k <= most; ++k) {
    for (std::int64_t i = 0; i < most; ++i) {
      for (std::int64_t j = 0; j < most; ++j) {
        expected[static_cast<std::size_t>((k * most + i) * most + j)] = oracle<T>(
            k, 512, [&](std::int64_t l) { return left[static_cast<std::size_t>(i * most + l)]; },
            [&](std::int64_t l) { return right[static_cast<std::size_t>(l * most + j)]; });
      }
    }
  }
  for (Form form : {kNN, kTN, kNT, kTT, kStrided}) {
    for (std::int64_t k = 1; k <= most; ++k) {
      const std::int64_t step = thorough && form < kTT ? 1 : 4;
      for (std::int64_t m = 1 + k % step; m <= most; m += step) {
        const Layout la = layout_a(form, m, k);
        Guarded<T> a(la.extent(m, k));
        for (std::int64_t i = 0; i < a.size(); ++i) a[i] = std::numeric_limits<T>::quiet_NaN();
        for (std::int64_t i = 0; i < m; ++i) {
          for (std::int64_t l = 0; l < k; ++l) {
            a[i * la.row + l * la.column] = left[static_cast<std::size_t>(i * most + l)];
          }
        }
        for (std::int64_t n = 1 + (k + m) % step; n <= most; n += step) {
          const Layout lb = layout_b(form, k, n);
          Guarded<T> b(lb.extent(k, n));
          for (std::int64_t i = 0; i < b.size(); ++i) b[i] = std::numeric_limits<T>::quiet_NaN();
          for (std::int64_t l = 0; l < k; ++l) {
            for (std::int64_t j = 0; j < n; ++j) {
              b[l * lb.row + j * lb.column] = right[static_cast<std::size_t>(l * most + j)];
            }
          }
          const std::int64_t gap = (m + n + k) % 3;
          Guarded<T> c(m * (n + gap) - gap);
          for (std::int64_t i = 0; i < c.size(); ++i) c[i] = T(-77);
          lamina::cpu::gemm(arguments(k % 2 == 0 ? Reduction::rows : Reduction::depth, m, n, k, a.data(), la,
                                      b.data(), lb, c.data(), n + gap));
          bool equal = true;
          for (std::int64_t i = 0; i < c.size(); ++i) {
            const std::int64_t row = i / (n + gap), column = i % (n + gap);
            const T wanted =
                column < n ? expected[static_cast<std::size_t>((k * most + row) * most + column)] : T(-77);
            equal &= same_bits(c[i], wanted);
          }
          CHECK(equal);
          if (!equal) std::fprintf(stderr, "form %d, %ld x %ld x %ld\n", form, long(m), long(n), long(k));
        }
      }
    }
  }
}

/// One product of any size; `samples` elements are compared, or all.
template <class T>
void test_size(Form form, Reduction reduction, std::int64_t m, std::int64_t n, std::int64_t k,
               std::int64_t samples) {
  Numbers random(static_cast<std::uint64_t>(m * 1000003 + n * 1009 + k));
  const Layout la = layout_a(form, m, k), lb = layout_b(form, k, n);
  Guarded<T> a(la.extent(m, k)), b(lb.extent(k, n)), bias(n), sums(n);
  fill(a, random), fill(b, random), fill(bias, random);
  const std::int64_t gap = n % 2 == 0 ? 0 : 5;
  Guarded<T> c(m * (n + gap) - gap);
  GemmArguments g = arguments(reduction, m, n, k, a.data(), la, b.data(), lb, c.data(), n + gap);
  g.bias = bias.data();
  g.column_sums = sums.data();
  Guarded<T> first(c.size());
  for (int threads : {1, 2, 3, 5}) {
    lamina::threads::set_count(threads);
    for (std::int64_t i = 0; i < c.size(); ++i) c[i] = T(-77);
    lamina::cpu::gemm(g);
    if (threads == 1) {
      std::memcpy(first.data(), c.data(), static_cast<std::size_t>(c.size()) * sizeof(T));
    } else {
      CHECK(std::memcmp(first.data(), c.data(), static_cast<std::size_t>(c.size()) * sizeof(T)) == 0);
    }
  }
  const std::int64_t chunk = chunk_of(reduction);
  const auto wanted = [&](std::int64_t i, std::int64_t j) {
    return oracle<T>(
               k, chunk, [&](std::int64_t l) { return a[i * la.row + l * la.column]; },
               [&](std::int64_t l) { return b[l * lb.row + j * lb.column]; }) +
           bias[j];
  };
  bool equal = true;
  if (samples >= m * n) {
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) equal &= same_bits(c[i * (n + gap) + j], wanted(i, j));
    }
  } else {
    for (std::int64_t s = 0; s < samples; ++s) {
      const std::int64_t i = s < 4 ? (m - 1) * (s / 2) : random.below(m);
      const std::int64_t j = s < 4 ? (n - 1) * (s % 2) : random.below(n);
      equal &= same_bits(c[i * (n + gap) + j], wanted(i, j));
    }
  }
  for (std::int64_t i = 0; i < c.size(); ++i) equal &= i % (n + gap) < n || c[i] == T(-77);
  CHECK(equal);
  if (!equal) {
    std::fprintf(stderr, "form %d, reduction %d, %ld x %ld x %ld\n", form, int(reduction), long(m), long(n),
                 long(k));
  }
  bool sums_equal = true;
  for (std::int64_t j = 0; j < n; ++j) {
    sums_equal &= same_bits(sums[j], oracle<T>(
                                         k, chunk, [](std::int64_t) { return T(1); },
                                         [&](std::int64_t l) { return b[l * lb.row + j * lb.column]; }));
  }
  CHECK(sums_equal);
}

template <class T>
void test_chunks(bool thorough) {
  for (std::int64_t k : {63,  64,  65,  127,  128,  129,  255,  257,  383,  385, 449,
                         511, 512, 513, 1023, 1024, 1025, 1537, 2049, 2561, 3585}) {
    for (Form form : {kNN, kTN, kNT, kTT, kStrided}) {
      for (Reduction reduction : {Reduction::rows, Reduction::depth}) {
        if (!thorough && (form + k) % 3 != 0) continue;
        test_size<T>(form, reduction, 3 + form, 18, k, 1 << 20);
        test_size<T>(form, reduction, 17, 5, k, 1 << 20);
        test_size<T>(form, reduction, 1, 33, k, 1 << 20);
        test_size<T>(form, reduction, 29, 1, k, 1 << 20);
      }
    }
  }
}

/// Sizes at which operands are packed, blocks and pieces are several, and threads share.
template <class T>
void test_large_sizes(bool thorough) {
  struct Size {
    std::int64_t m, n, k;
  };
  const Size sizes[] = {{64, 100, 3072},  {128, 512, 784}, {100, 130, 600}, {300, 1100, 130}, {530, 64, 1100},
                        {20, 1300, 700},  {1200, 10, 200}, {1500, 1, 300},  {2, 700, 1500},   {9, 20, 20000},
                        {257, 129, 1537}, {70, 2300, 80},  {4, 6, 9000},    {1, 2000, 600},   {700, 700, 1}};
  for (const Size& s : sizes) {
    for (Form form : {kNN, kTN, kNT, kTT, kStrided}) {
      if (!thorough && (form + s.m) % 5 > 0) continue;
      test_size<T>(form, form == kTN ? Reduction::rows : Reduction::depth, s.m, s.n, s.k, 100);
      if (thorough && form == kNN) test_size<T>(form, Reduction::rows, s.m, s.n, s.k, 100);
    }
  }
}

constexpr ActivationKind kKinds[] = {
    ActivationKind::linear,       ActivationKind::relu, ActivationKind::relu6,     ActivationKind::leaky_relu,
    ActivationKind::elu,          ActivationKind::selu, ActivationKind::celu,      ActivationKind::sigmoid,
    ActivationKind::hard_sigmoid, ActivationKind::tanh, ActivationKind::softplus,  ActivationKind::softsign,
    ActivationKind::silu,         ActivationKind::gelu, ActivationKind::gelu_tanh, ActivationKind::mish,
    ActivationKind::exponential};

Activation activation_of(ActivationKind kind) {
  Activation f;
  f.kind = kind;
  f.a = kind == ActivationKind::relu ? 0.0 : 0.5;
  f.b = std::numeric_limits<double>::infinity();
  return f;
}

/// Epilogues are the sum, then the bias, then what the activation's own kernels do.
template <class T>
void test_epilogues() {
  struct Size {
    std::int64_t m, n, k;
  };
  const Size sizes[] = {{1, 7, 40}, {64, 10, 33}, {31, 1, 70}, {40, 150, 600}, {130, 300, 90}, {5, 3, 0}};
  for (const Size& s : sizes) {
    for (ActivationKind kind : kKinds) {
      for (Form form : {kNN, kNT}) {
        for (int threads : {1, 3}) {
          lamina::threads::set_count(threads);
          const Activation f = activation_of(kind);
          Numbers random(static_cast<std::uint64_t>(s.m + s.n));
          const Layout la = layout_a(form, s.m, s.k), lb = layout_b(form, s.k, s.n);
          const std::int64_t row = s.n + (threads == 1 ? 0 : 3), all = s.m * row;
          Guarded<T> a(la.extent(s.m, s.k)), b(lb.extent(s.k, s.n)), bias(s.n), sum(all), pre(all), c(all),
              wanted(all), saved(all);
          for (std::int64_t i = 0; i < a.size(); ++i) a[i] = random.number<T>() / T(32);
          for (std::int64_t i = 0; i < b.size(); ++i) b[i] = random.number<T>() / T(32);
          fill(bias, random);
          for (std::int64_t i = 0; i < all; ++i) {
            pre[i] = sum[i] = c[i] = wanted[i] = T(-1);
            saved[i] = T(0.25) + random.number<T>() / T(128);
          }
          GemmArguments g =
              arguments(Reduction::depth, s.m, s.n, s.k, a.data(), la, b.data(), lb, sum.data(), row);
          g.bias = bias.data();
          lamina::cpu::gemm(g);  // checked against the oracle above
          g.c = c.data();
          g.activation = f;
          for (bool keep : {true, false}) {
            g.pre_activation = keep ? pre.data() : nullptr;
            lamina::cpu::gemm(g);
            bool equal = true;
            for (std::int64_t i = 0; i < s.m; ++i) {
              lamina::cpu::activate(kDType<T>, f, 1, s.n, sum.data() + i * row, wanted.data() + i * row);
            }
            for (std::int64_t i = 0; i < all; ++i)
              equal &= same_bits(c[i], wanted[i]) && same_bits(pre[i], sum[i]);
            CHECK(equal);
          }

          g = arguments(Reduction::depth, s.m, s.n, s.k, a.data(), la, b.data(), lb, sum.data(), row);
          lamina::cpu::gemm(g);
          for (std::int64_t i = 0; i < s.m; ++i) {
            lamina::cpu::activate_backward(kDType<T>, f, 1, s.n, saved.data() + i * row, sum.data() + i * row,
                                           wanted.data() + i * row);
          }
          g.c = c.data();
          g.saved = saved.data();
          g.saved_row = row;
          g.derivative_of = f;
          lamina::cpu::gemm(g);
          bool equal = true;
          for (std::int64_t i = 0; i < all; ++i) equal &= same_bits(c[i], wanted[i]) || i % row >= s.n;
          CHECK(equal);
        }
      }
    }
  }
}

/// NaN, infinities and zeros take their course; and only in the elements that they belong to.
template <class T>
void test_special_values() {
  const T special[] = {std::numeric_limits<T>::quiet_NaN(),
                       std::numeric_limits<T>::infinity(),
                       -std::numeric_limits<T>::infinity(),
                       T(0),
                       T(-0.0),
                       std::numeric_limits<T>::denorm_min(),
                       std::numeric_limits<T>::max(),
                       T(1)};
  for (Form form : {kNN, kTN, kNT, kStrided}) {
    for (std::int64_t k : {1, 2, 70, 600}) {
      for (std::int64_t n : {1, 17, 40}) {
        const std::int64_t m = 13;
        Numbers random(static_cast<std::uint64_t>(k * 50 + n));
        const Layout la = layout_a(form, m, k), lb = layout_b(form, k, n);
        Guarded<T> a(la.extent(m, k)), b(lb.extent(k, n)), c(m * n);
        for (std::int64_t i = 0; i < a.size(); ++i)
          a[i] = k < 3 || random.below(k) == 0 ? special[random.below(8)] : T(-0.0);
        for (std::int64_t i = 0; i < b.size(); ++i)
          b[i] = k < 3 || random.below(k) == 0 ? special[random.below(8)] : T(2);
        lamina::cpu::gemm(arguments(Reduction::rows, m, n, k, a.data(), la, b.data(), lb, c.data(), n));
        bool equal = true;
        for (std::int64_t i = 0; i < m; ++i) {
          for (std::int64_t j = 0; j < n; ++j) {
            equal &= same_bits(c[i * n + j],
                               oracle<T>(
                                   k, 128, [&](std::int64_t l) { return a[i * la.row + l * la.column]; },
                                   [&](std::int64_t l) { return b[l * lb.row + j * lb.column]; }));
          }
        }
        CHECK(equal);
      }
    }
  }
}

/// No rows, no columns, no terms; and overlapping and repeated rows (strides of 0 and 1).
template <class T>
void test_borders() {
  Guarded<T> a(40), b(40), c(6), bias(3), sums(3);
  Numbers random(5);
  fill(a, random), fill(b, random);
  bias[0] = T(-0.0), bias[1] = T(2), bias[2] = T(-3);
  const auto reset = [&] {
    for (std::int64_t i = 0; i < 6; ++i) c[i] = T(-77);
    for (std::int64_t i = 0; i < 3; ++i) sums[i] = T(-77);
  };
  reset();
  GemmArguments g = arguments(Reduction::rows, 2, 3, 0, a.data(), {0, 1}, b.data(), {3, 1}, c.data(), 3);
  lamina::cpu::gemm(g);
  for (std::int64_t i = 0; i < 6; ++i) CHECK(same_bits(c[i], T(0)));
  g.bias = bias.data();
  g.column_sums = sums.data();
  lamina::cpu::gemm(g);
  for (std::int64_t i = 0; i < 6; ++i) CHECK(same_bits(c[i], T(0) + bias[i % 3]));
  for (std::int64_t i = 0; i < 3; ++i) CHECK(same_bits(sums[i], T(0)));
  reset();
  g.m = 0, g.k = 4;
  lamina::cpu::gemm(g);
  for (std::int64_t i = 0; i < 6; ++i) CHECK(same_bits(c[i], T(-77)));
  for (std::int64_t j = 0; j < 3; ++j) CHECK(same_bits(sums[j], ((b[j] + b[3 + j]) + b[6 + j]) + b[9 + j]));
  reset();
  g.m = 2, g.n = 0;
  lamina::cpu::gemm(g);
  g.m = g.n = g.k = 0;
  lamina::cpu::gemm(g);
  for (std::int64_t i = 0; i < 6; ++i) CHECK(same_bits(c[i], T(-77)));

  for (const Layout lb :
       {Layout{0, 1}, Layout{1, 1}, Layout{1, 0}, Layout{0, 0}, Layout{-1, 1}, Layout{1, -1}}) {
    for (const Layout la : {Layout{1, 1}, Layout{0, 1}, Layout{1, 0}, Layout{-1, 1}, Layout{1, -1}}) {
      const T* pa = la.row < 0 || la.column < 0 ? a.data() + 30 : a.data();
      const T* pb = lb.row < 0 || lb.column < 0 ? b.data() + 30 : b.data();
      g = arguments(Reduction::depth, 2, 3, 9, pa, la, pb, lb, c.data(), 3);
      lamina::cpu::gemm(g);
      for (std::int64_t i = 0; i < 2; ++i) {
        for (std::int64_t j = 0; j < 3; ++j) {
          CHECK(same_bits(c[i * 3 + j],
                          oracle<T>(
                              9, 512, [&](std::int64_t l) { return pa[i * la.row + l * la.column]; },
                              [&](std::int64_t l) { return pb[l * lb.row + j * lb.column]; })));
        }
      }
    }
  }
}

template <class T>
void test_all(bool thorough) {
  test_borders<T>();
  test_small_sizes<T>(thorough);
  test_special_values<T>();
  test_chunks<T>(thorough);
  test_large_sizes<T>(thorough);
  test_epilogues<T>();
}

}  // namespace

int main(int argc, char** argv) {
  const bool thorough = argc > 1 && std::string(argv[1]) == "--thorough";
  return lamina::test::for_each_isa([&] {
    test_all<float>(thorough);
    test_all<double>(thorough);
  });
}
