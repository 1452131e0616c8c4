// Losses with their gradient.
//
//   bench_loss [threads [seconds per line [filter]]]
#include "cpu/loss/loss.h"
#include "device/names.h"
#include "harness.h"

using namespace lamina;

int main(int argc, char** argv) {
  bench::Bench bench(argc, argv);
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const auto& [rows, columns] :
         {std::pair{64, 10}, std::pair{256, 10}, std::pair{256, 1000}, std::pair{4096, 1024}}) {
      const std::int64_t n = std::int64_t{rows} * columns;
      const Buffer logits = bench::Bench::numbers(dtype, n, -4.0, 4.0);
      const Buffer target = bench::Bench::numbers(dtype, n, 0.0, 1.0);
      const Buffer gradient(logits.bytes());
      std::vector<std::int32_t> labels(static_cast<std::size_t>(rows));
      for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i) % columns;
      for (const std::string& name : loss_names()) {
        LossArguments a;
        a.dtype = dtype;
        a.loss.kind = loss_from_name(name);
        a.loss.from_logits = name.find("crossentropy") != std::string::npos;
        a.form = a.loss.from_logits ? PredictionForm::logits : PredictionForm::values;
        a.rows = rows;
        a.columns = columns;
        a.prediction = logits.data();
        const bool sparse = a.loss.kind == LossKind::sparse_categorical_crossentropy;
        a.target = sparse ? static_cast<const void*>(labels.data()) : target.data();
        a.scale = 1.0 / rows;
        a.gradient = gradient.data();
        const double bytes = static_cast<double>(logits.bytes()) * (sparse ? 2.0 : 3.0);
        bench.line(text(name, " ", rows, "x", columns, " ", name_of(dtype)), static_cast<double>(n), bytes,
                   bytes, [&] { cpu::loss(a); });
      }
    }
  }
  return 0;
}
