#include "numerics/evaluate.h"

#include "core/error.h"
#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace lamina::numerics {

namespace {

template <class T>
struct UnaryEntry {
  std::string_view name;
  Lane<T> (*function)(Lane<T>);
};

template <class T>
constexpr UnaryEntry<T> unary_functions[] = {
    {"exp", [](Lane<T> x) { return exp(x); }},           {"expm1", [](Lane<T> x) { return expm1(x); }},
    {"log", [](Lane<T> x) { return log(x); }},           {"log1p", [](Lane<T> x) { return log1p(x); }},
    {"tanh", [](Lane<T> x) { return tanh(x); }},         {"sigmoid", [](Lane<T> x) { return sigmoid(x); }},
    {"softplus", [](Lane<T> x) { return softplus(x); }}, {"erf", [](Lane<T> x) { return erf(x); }},
    {"sin", [](Lane<T> x) { return sin(x); }},           {"cos", [](Lane<T> x) { return cos(x); }},
    {"sinpi", [](Lane<T> x) { return sinpi(x); }},       {"cospi", [](Lane<T> x) { return cospi(x); }},
    {"sqrt", [](Lane<T> x) { return sqrt(x); }},
};

template <class T>
void evaluate_as(std::string_view name, std::int64_t n, const std::vector<const void*>& arguments,
                 void* out) {
  T* to = static_cast<T*>(out);
  const T* x = static_cast<const T*>(arguments[0]);
  if (name == "pow") {
    if (arguments.size() != 2) throw ValueError(text("[pow] takes 2 arrays. Received: ", arguments.size()));
    const T* y = static_cast<const T*>(arguments[1]);
    for (std::int64_t i = 0; i < n; ++i) to[i] = pow(Lane<T>{x[i]}, Lane<T>{y[i]}).value;
    return;
  }
  for (const UnaryEntry<T>& entry : unary_functions<T>) {
    if (entry.name != name) continue;
    if (arguments.size() != 1)
      throw ValueError(text("[", name, "] takes 1 array. Received: ", arguments.size()));
    for (std::int64_t i = 0; i < n; ++i) to[i] = entry.function(Lane<T>{x[i]}).value;
    return;
  }
  throw ValueError(text("[elementary] there is no function of this name. Received: '", name, "'"));
}

}  // namespace

void evaluate(std::string_view name, DType dtype, std::int64_t n, const std::vector<const void*>& arguments,
              void* out) {
  if (dtype == DType::float32) {
    evaluate_as<float>(name, n, arguments, out);
  } else {
    evaluate_as<double>(name, n, arguments, out);
  }
}

}  // namespace lamina::numerics
