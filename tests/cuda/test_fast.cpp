// The fast mode: each call of cuBLASLt, against products of the rounded operands in double; its failures; its
// plans; captured steps. In the emulation the library is tests/cuda/fake_cublaslt.cpp, on a GPU NVIDIA's.
#include <new>

#include "both.h"
#include "cuda/cublaslt/gemm.h"
#include "cuda/cublaslt/library.h"
#include "cuda/memory.h"
#include "nn/training/trainer.h"

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

namespace {

using namespace lamina;
using namespace lamina::test;

/// The stand-in's own functions; none of NVIDIA's library.
struct Fake {
  void (*fail)(const char* function, int status, long after, long times) = nullptr;
  void (*no_algorithm)(int on) = nullptr;
  long (*calls)(const char* function) = nullptr;
  Fake() {
    void* const library = dlopen(cuda::cublaslt::library().path.c_str(), RTLD_NOW);
    const auto take = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    };
    take(fail, "fake_fail");
    take(no_algorithm, "fake_no_algorithm");
    take(calls, "fake_calls");
  }
  explicit operator bool() const { return fail != nullptr; }
};
const Fake& fake() {
  static const Fake the_fake;
  return the_fake;
}

std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
double rounded(float x, Precision precision) {
  if (precision == Precision::strict) return x;
  // The nearest of the two neighbours with 7 or 10 bits; ties do not occur in these tests.
  const std::uint32_t unit = precision == Precision::bf16 ? 0x10000 : 0x2000;
  const std::uint32_t low = bits_of(x) / unit * unit, high = low + unit;
  float a, b;
  std::memcpy(&a, &low, sizeof a);
  std::memcpy(&b, &high, sizeof b);
  return std::fabs(static_cast<double>(x) - a) < std::fabs(static_cast<double>(b) - x) ? a : b;
}

std::vector<float> floats(const Array& array) {
  std::vector<float> values(array.bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return values;
}

struct Case {
  std::int64_t m, n, k;
  bool a_turned, b_turned;
  std::int64_t a_gap = 0, b_gap = 0, c_gap = 0, first = 0;  // elements between rows; before the operands
};

/// The arrays: A, B, C, bias, pre_activation, saved, sums of columns.
GemmArguments arguments(const Case& s, const std::vector<void*>& at) {
  GemmArguments g;
  g.of_layer = true;
  g.m = s.m, g.n = s.n, g.k = s.k;
  g.a = static_cast<const float*>(at[0]) + s.first;
  (s.a_turned ? g.a_column : g.a_row) = (s.a_turned ? s.m : s.k) + s.a_gap;
  (s.a_turned ? g.a_row : g.a_column) = 1;
  g.b = static_cast<const float*>(at[1]) + s.first;
  (s.b_turned ? g.b_column : g.b_row) = (s.b_turned ? s.k : s.n) + s.b_gap;
  (s.b_turned ? g.b_row : g.b_column) = 1;
  g.c = static_cast<float*>(at[2]) + s.first;
  g.c_row = s.n + s.c_gap;
  return g;
}

std::vector<Array> arrays_of(const Case& s, Numbers& numbers) {
  const auto size = [&](std::int64_t outer, std::int64_t inner, std::int64_t gap) {
    return s.first + outer * (inner + gap);
  };
  return {numbers.array<float>(s.a_turned ? size(s.k, s.m, s.a_gap) : size(s.m, s.k, s.a_gap)),
          numbers.array<float>(s.b_turned ? size(s.n, s.k, s.b_gap) : size(s.k, s.n, s.b_gap)),
          numbers.array<float>(size(s.m, s.n, s.c_gap)),
          numbers.array<float>(s.n + s.first),
          numbers.array<float>(size(s.m, s.n, s.c_gap)),
          numbers.array<float>(s.m * s.n, 0.0, 1.0),
          numbers.array<float>(s.n)};
}

/// The product on the device; the arrays as it leaves them.
template <class Set>
std::vector<Array> computed(const Case& s, Precision precision, std::vector<Array> arrays, const Set& set) {
  run_on(cuda::device(precision), arrays, [&](Device& on, const std::vector<void*>& at) {
    GemmArguments g = arguments(s, at);
    set(g, at);
    on.gemm(g);
    return std::vector<double>{};
  });
  return arrays;
}

void check_product(const Case& s, Precision precision, std::uint32_t seed) {
  Numbers numbers(seed);
  const std::vector<Array> arrays = arrays_of(s, numbers);
  const std::string what =
      text(name_of(precision), " ", s.m, " ", s.n, " ", s.k, " turned ", s.a_turned, s.b_turned, " gaps ",
           s.a_gap, " ", s.b_gap, " ", s.c_gap, " first ", s.first);
  const auto nothing = [](GemmArguments&, const std::vector<void*>&) {};
  const std::vector<Array> plain = computed(s, precision, arrays, nothing);

  // The sums. A GPU may cut off what TF32 does not hold rather than round, and adds in float32.
  const std::vector<float> a = floats(arrays[0]), b = floats(arrays[1]), before = floats(arrays[2]),
                           c = floats(plain[2]);
  const GemmArguments g = arguments(s, {nullptr, nullptr, nullptr});
  bool good = true;
  for (std::int64_t i = 0; i < s.m; ++i) {
    for (std::int64_t j = 0; j < s.n; ++j) {
      double sum = 0.0, size = 0.0;
      for (std::int64_t l = 0; l < s.k; ++l) {
        const float x = a[static_cast<std::size_t>(s.first + i * g.a_row + l * g.a_column)];
        const float y = b[static_cast<std::size_t>(s.first + l * g.b_row + j * g.b_column)];
        const double term = rounded(x, precision) * rounded(y, precision);
        sum += term;
        size += std::fabs(term);
      }
      const double unit = fake() ? 1e-7 : precision == Precision::bf16 ? 1e-6 : 2e-3;
      const double found = c[static_cast<std::size_t>(s.first + i * g.c_row + j)];
      good = good && std::fabs(found - sum) <= unit * size + 1e-30;
    }
  }
  report(good, (what + ": sums").c_str(), __FILE__, __LINE__);
  good = true;  // what lies between the rows, and before them, is left alone
  for (std::int64_t e = 0; e < static_cast<std::int64_t>(c.size()); ++e) {
    if (e >= s.first && (e - s.first) % g.c_row < s.n) continue;
    good = good && bits_of(c[static_cast<std::size_t>(e)]) == bits_of(before[static_cast<std::size_t>(e)]);
  }
  report(good, (what + ": around C").c_str(), __FILE__, __LINE__);

  // The epilogues have the contract's bits, given the sums: the CPU computes them from the sums, as a product
  // with an identity of one term more would.
  const auto epilogue = [&](const auto& set, const char* name) {
    const std::vector<Array> all = computed(s, precision, arrays, set);
    std::vector<Array> expected = arrays;
    expected[2] = plain[2];
    run_on(device("cpu"), expected, [&](Device& on, const std::vector<void*>& at) {
      GemmArguments e = arguments(s, at);
      set(e, at);
      if (e.column_sums != nullptr) on.column_sums(DType::float32, s.k, s.n, e.b, e.column_sums);
      auto* const sums = static_cast<float*>(e.c);
      const auto* const bias = static_cast<const float*>(e.bias);
      for (std::int64_t i = 0; i < s.m; ++i) {
        float* const row = sums + i * e.c_row;
        for (std::int64_t j = 0; bias != nullptr && j < s.n; ++j) row[j] += bias[j];
        if (e.pre_activation != nullptr) {
          std::memcpy(static_cast<float*>(e.pre_activation) + i * e.c_row, row,
                      static_cast<std::size_t>(s.n) * sizeof(float));
        }
        if (e.saved != nullptr) {
          on.activate_backward(DType::float32, e.derivative_of, 1, s.n,
                               static_cast<const float*>(e.saved) + i * e.saved_row, row, row);
        } else {
          on.activate(DType::float32, e.activation, 1, s.n, row, row);
        }
      }
      return std::vector<double>{};
    });
    for (const std::size_t i : {2, 4, 6})
      report(same(all[i], expected[i]), (what + ": " + name).c_str(), __FILE__, __LINE__);
  };
  epilogue([&](GemmArguments& e, const auto& at) { e.bias = static_cast<float*>(at[3]) + s.first; }, "bias");
  epilogue([&](GemmArguments& e, const auto& at) { e.bias = at[6]; }, "another bias with the same plan");
  epilogue(
      [&](GemmArguments& e, const auto& at) {
        e.bias = at[3];
        e.activation = {ActivationKind::relu};
      },
      "bias and relu");
  epilogue(
      [&](GemmArguments& e, const auto& at) {
        e.bias = at[3];
        e.activation = {ActivationKind::gelu};
        e.pre_activation = static_cast<float*>(at[4]) + s.first;
      },
      "what gelu's derivative needs");
  epilogue(
      [&](GemmArguments& e, const auto& at) {
        e.saved = at[5];
        e.saved_row = s.n;
        e.derivative_of = {ActivationKind::sigmoid};
      },
      "derivative");
  if (!s.b_turned && s.b_gap == 0) {
    epilogue([&](GemmArguments& e, const auto& at) { e.column_sums = at[6]; }, "sums of columns");
  }
}

void products() {
  const Case cases[] = {
      {1, 1, 1, false, false},
      {1, 5, 7, false, false},
      {5, 1, 7, true, false},
      {7, 3, 1, false, true},
      {1, 1, 9, true, true},
      {16, 16, 16, false, false},
      {17, 9, 33, false, false},
      {17, 9, 33, true, false},
      {17, 9, 33, false, true},
      {17, 9, 33, true, true},
      {12, 20, 16, false, false, 4, 8, 3},
      {12, 20, 16, true, false, 3, 0, 1},
      {12, 20, 16, false, true, 5, 4, 4},
      {8, 24, 40, false, false, 0, 0, 0, 1},
      {8, 24, 40, true, true, 2, 2, 2, 2},
      {3, 70, 130, false, true},
  };
  std::uint32_t seed = 1;
  for (const Precision precision : {Precision::tf32, Precision::bf16}) {
    for (const Case& s : cases) check_product(s, precision, ++seed);
  }
  // No terms: the contract's product, zeros. No rows: nothing.
  for (const Case& s :
       {Case{3, 4, 0, false, false}, Case{0, 4, 3, true, false}, Case{4, 0, 3, true, false}}) {
    Numbers numbers(seed);
    const std::vector<Array> found = computed(s, Precision::bf16, arrays_of(s, numbers), [](auto&, auto&) {});
    for (const float x : floats(found[2])) CHECK(bits_of(x) == 0);
  }
}

/// Products that are no layer's, and those in float64, keep the contract's bits.
void others() {
  Numbers numbers(3);
  const Case s{9, 8, 700, false, false};
  std::vector<Array> cpu = arrays_of(s, numbers), gpu = cpu;
  const auto call = [&](Device& on, const std::vector<void*>& at) {
    GemmArguments g = arguments(s, at);
    g.of_layer = false;
    on.gemm(g);
    return std::vector<double>{};
  };
  run_on(device("cpu"), cpu, call);
  run_on(cuda::device(Precision::bf16), gpu, call);
  CHECK(same(cpu[2], gpu[2]));
  CHECK_THROWS(nn::Network({4}, DType::float64, cuda::device(Precision::tf32)), ValueError);
  CHECK_THROWS(device("cpu", Precision::tf32), ValueError);
  CHECK_THROWS(precision_from_name("fp8"), ValueError);
  CHECK(&device("cpu", Precision::strict) == &device("cpu"));
  CHECK(&device(cuda::name(), Precision::strict) == &cuda::device());
}

/// Bfloat16: to nearest even, with infinities, NaN, denormals and overflow.
void rounding() {
  std::vector<float> values = {0.0f,       -0.0f,    1.0f,       1.00390625f, 1.01171875f,   -1.00390625f,
                               3.4e38f,    -3.4e38f, INFINITY,   -INFINITY,   NAN,           1e-40f,
                               1.2345678f, 3e-39f,   65504.007f, 1e-45f,      1.0039063692f, 1.003906131f};
  for (const std::uint32_t nan :
       {0x7fffffffu, 0x7f800001u, 0xffffffffu, 0xff80ffffu}) {  // the ends of all NaN
    float value;
    std::memcpy(&value, &nan, sizeof value);
    values.push_back(value);
  }
  const auto n = static_cast<std::int64_t>(values.size());
  std::vector<std::uint16_t> found(static_cast<std::size_t>(2 * 24));
  Device& on = cuda::device(Precision::bf16);
  const auto from = on.make(values.size() * sizeof(float)),
             to = on.make(found.size() * sizeof(std::uint16_t));
  on.copy_from_host(from.get(), values.data(), values.size() * sizeof(float));
  cuda::cublaslt::round_to_bfloat16(1, n, static_cast<float*>(from.get()), n, 1,
                                    static_cast<std::uint16_t*>(to.get()), 24);
  on.copy_to_host(found.data(), to.get(), found.size() * sizeof(std::uint16_t));
  for (std::size_t i = 0; i < 24; ++i) {
    if (i >= values.size()) {
      CHECK(found[i] == 0);
      continue;
    }
    const float x = values[i];
    const std::uint32_t bits = std::uint32_t{found[i]} << 16;
    float y;
    std::memcpy(&y, &bits, sizeof y);
    if (x != x) {
      CHECK(y != y);
      continue;
    }
    // Among all bfloat16 numbers none is nearer, and of two as near the even one is taken.
    for (const int step : {-1, 1}) {
      const std::uint32_t next = static_cast<std::uint32_t>(found[i] + step) << 16;
      float z;
      std::memcpy(&z, &next, sizeof z);
      if (z != z || std::isinf(x) || std::isinf(y) || std::isinf(z) || (found[i] & 0x7fff) == 0) continue;
      const double here = std::fabs(static_cast<double>(x) - y),
                   there = std::fabs(static_cast<double>(x) - z);
      CHECK(here < there || (here == there && found[i] % 2 == 0));
    }
    if (std::isinf(y)) CHECK(std::isinf(x) || std::fabs(x) > 3.39e38f);
    CHECK(std::signbit(x) == std::signbit(y));
  }
}

ArrayView view_of(const std::vector<float>& values, std::int64_t rows) {
  ArrayView view;
  view.data = values.data();
  view.rows = rows;
  const auto width = static_cast<std::int64_t>(values.size()) / rows;
  view.row_stride = 4 * width;
  view.row_shape = {width};
  view.strides = {4};
  return view;
}

class Model {
 public:
  explicit Model(Precision precision) : model({4}, DType::float32, cuda::device(precision), 5) {
    model.network.add_dense(8, true, {ActivationKind::tanh});
    model.network.add_dense(1, true, {});
    model.network.build();
    std::vector<float> weights(32);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = 0.1f * static_cast<float>(i % 7) - 0.3f;
    model.store().write(model.store().values(), 0, weights.data());
    nn::OptimizerSettings settings;
    settings.kind = OptimizerKind::adam;
    settings.learning_rate = 0.01;
    model.compile({{LossSpecification{}}}, settings);
    for (int i = 0; i < kRows * 4; ++i) x.push_back(static_cast<float>(i * 37 % 101) / 50.0f - 1.0f);
    for (int i = 0; i < kRows; ++i) y.push_back(static_cast<float>(i % 3));
  }
  static constexpr int kRows = 100;
  nn::Samples samples() const { return {{view_of(x, kRows)}, {view_of(y, kRows)}, {}}; }
  nn::Samples batch(std::int64_t first, std::int64_t rows) const {
    nn::Samples part = samples();
    part.x[0].data = x.data() + 4 * first, part.x[0].rows = rows;
    part.y[0]->data = y.data() + first, part.y[0]->rows = rows;
    return part;
  }
  std::vector<double> weights() const {
    std::vector<double> all;
    for (std::size_t i = 0; i < model.network.layout().parameters().size(); ++i) {
      std::vector<float> values(static_cast<std::size_t>(model.network.layout().parameters()[i].count));
      model.store().read(model.store().current(), i, values.data());
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

  nn::Trainer model;
  nn::Monitor monitor;
  std::vector<float> x, y;
};

/// Epochs of captured steps leave the bits of single steps; each shape is planned once.
void captured_steps() {
  for (const Precision precision : {Precision::tf32, Precision::bf16}) {
    Model whole(precision), single(precision), strict(Precision::strict);
    const std::uint64_t before = cuda::cublaslt::plans_made();
    for (int epoch = 0; epoch < 3; ++epoch) {
      whole.model.train_epoch(whole.samples(), 20, false, whole.monitor);
      strict.model.train_epoch(strict.samples(), 20, false, strict.monitor);
      for (int first = 0; first < Model::kRows; first += 20) {
        single.model.train_step(single.batch(first, 20), false, single.monitor);
      }
      CHECK(cuda::cublaslt::plans_made() - before <= 5);  // two products forward, two dW, one dx
    }
    CHECK(same(whole.weights(), single.weights()));
    CHECK(!same(whole.weights(), strict.weights()));
    CHECK(whole.model.steps_seen() == 15);
    const std::vector<double> near = strict.weights(), found = whole.weights();
    for (std::size_t i = 0; i < near.size(); ++i) CHECK(std::fabs(near[i] - found[i]) < 0.05);
  }
}

/// The message of what `call` throws.
template <class Error, class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// Each function of the library fails once, in single steps and while a step is recorded: a clear error,
/// after which the model trains on.
void failing_calls() {
  if (!fake()) return;
  constexpr int internal_error = cuda::cublaslt::kInternalError;
  std::int64_t rows = 40, batch = 5;  // other shapes each time, so that plans have to be made
  for (const char* const function :
       {"MatrixLayoutCreate", "MatmulDescCreate", "MatmulDescSetAttribute", "MatmulPreferenceCreate",
        "MatmulPreferenceSetAttribute", "MatmulAlgoGetHeuristic", "Matmul"}) {
    for (const bool recorded : {false, true}) {
      for (const long after : {0L, 2L}) {
        Model m(Precision::tf32);
        const std::vector<double> weights = m.weights();
        ++(recorded ? batch : rows);
        const auto train = [&] {
          if (recorded) {
            m.model.train_epoch(m.samples(), batch, false, m.monitor);
          } else {
            m.model.train_step(m.batch(0, rows), false, m.monitor);
          }
        };
        fake().fail(function, internal_error, after, 1);
        const std::string message = message_of<StateError>(train);
        fake().fail("", 0, 0, 0);
        report(message.find(function) != std::string::npos &&
                   message.find("CUBLAS_STATUS_INTERNAL_ERROR") != std::string::npos,
               text(function, ": '", message, "'").c_str(), __FILE__, __LINE__);
        CHECK(same(m.weights(), weights));
        CHECK(m.model.steps_seen() == 0);
        train();
        CHECK(m.model.steps_seen() > 0);
        CHECK(!same(m.weights(), weights));
      }
    }
  }
  for (const bool recorded : {false, true}) {
    Model m(Precision::bf16);
    const std::int64_t batch = recorded ? 13 : 29;
    const auto train = [&] {
      if (recorded) {
        m.model.train_epoch(m.samples(), batch, false, m.monitor);
      } else {
        m.model.train_step(m.batch(0, batch), false, m.monitor);
      }
    };
    fake().no_algorithm(1);
    const std::string message = message_of<StateError>(train);
    fake().no_algorithm(0);
    report(message.find("no algorithm") != std::string::npos && message.find("bf16") != std::string::npos,
           message.c_str(), __FILE__, __LINE__);
    fake().fail("MatmulAlgoGetHeuristic", cuda::cublaslt::kNotSupported, 0, 9);
    CHECK(message_of<StateError>(train).find("no algorithm") != std::string::npos);
    fake().fail("Matmul", cuda::cublaslt::kAllocFailed, 0, 9);
    CHECK_THROWS(train(), std::bad_alloc);
    fake().fail("Matmul", 99, 0, 9);
    CHECK(message_of<StateError>(train).find("(99)") != std::string::npos);
    fake().fail("", 0, 0, 0);
    CHECK(m.model.steps_seen() == 0);
    train();
    CHECK(m.model.steps_seen() > 0);
  }
}

/// What does not fit, and what is no cuBLASLt. Before anything has loaded the library.
void loading() {
#if !defined(_WIN32)
  const char* const given = std::getenv("LAMINA_CUBLASLT");
  const std::string good = given == nullptr ? "" : given;
  const auto with = [](const std::string& path) {
    setenv("LAMINA_CUBLASLT", path.c_str(), 1);
    return message_of<StateError>([] { cuda::device(Precision::tf32); });
  };
  CHECK(with("/nowhere/libcublasLt.so").find("/nowhere/libcublasLt.so") != std::string::npos);
  CHECK(with("libm.so.6").find("cublasLtCreate") != std::string::npos);  // another library
  if (given == nullptr) {
    unsetenv("LAMINA_CUBLASLT");
  } else {
    setenv("LAMINA_CUBLASLT", given, 1);
  }
  cuda::give_back_cache();
  cuda::limit_memory(cuda::memory_statistics().reserved + (std::size_t{1} << 20));
  try {  // the workspace
    cuda::device(Precision::tf32);
    CHECK(false);
  } catch (const std::bad_alloc&) {
    CHECK(true);
  } catch (const StateError&) {  // no library here
  }
  cuda::limit_memory(0);
#endif
}

}  // namespace

int main() {
  if (!cuda::available()) {
    std::printf("'%s' cannot be used here: %s\n", std::string(cuda::name()).c_str(), cuda::status().c_str());
    return EXIT_SUCCESS;
  }
  loading();
  try {
    cuda::device(Precision::tf32);
  } catch (const StateError& error) {
    std::printf("the fast mode cannot be used here: %s\n", error.what());
    return test::failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  std::printf("cuBLASLt %s\n", cuda::library_status().c_str());
  products();
  others();
  rounding();
  captured_steps();
  failing_calls();
  return test::result();
}
