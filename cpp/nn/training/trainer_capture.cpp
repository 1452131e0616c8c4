// Steps on devices that can capture their calls: recorded once, then run without the host.
#include "core/float_environment.h"
#include "nn/training/trainer.h"

namespace lamina::nn {

void Trainer::reserve(std::int64_t rows) {
  const bool defers = this->defers();
  // Recorded steps write to the activations that go.
  if (plan_.readings.empty()) plan_.readings.resize(network.outputs());
  if (!network.fits(activations_, rows, plan_.readings, defers)) recorded_.clear();
  network.reserve(activations_, rows, plan_.readings, defers);
}

bool Trainer::may_record(std::int64_t steps) const {
  // Shared parameters: each step fetches what other networks have changed.
  return !network.device().is_host() && !watch_ && !adds_loss() && objective_.sums_are_plain() &&
         !store().shared().any() && optimizer().repeats(network.device(), steps);
}

bool Trainer::known_indices(std::span<const ArrayView> x) const {
  constexpr std::int64_t exact = std::int64_t{1} << 24;  // further ones may be rounded to float
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t range = network.index_range(i);
    if (range == 0) continue;
    if (range > exact || network.device().find_bad_label(x[i], {range, false, 0, false}) >= 0) return false;
  }
  return true;
}

void Trainer::record(CapturedSteps::Entry& entry, const BatchPlaces& places) {
  entry.refused = true;  // also where something is thrown
  objective_.begin();
  CaptureArguments arguments;
  arguments.dtype = network.dtype();
  arguments.from_host = entry.key.from_host;
  arguments.input_bytes = places.bytes;
  arguments.losses = objective_.losses();
  arguments.state = objective_.pending_state().data();
  arguments.state_size = static_cast<std::int64_t>(objective_.pending_state().size());
  entry.recording = network.device().capture(arguments, [&](void* inputs) {
    // The step computes nothing now, so what it counted is put back.
    const std::int64_t steps = steps_seen_;
    const Optimizer::Counters counters = optimizer().counters();
    const Objective::Sums sums = objective_.sums();
    recording_ = true;
    const auto put_back = [&] {
      recording_ = false;
      steps_seen_ = steps;
      optimizer().set_counters(counters);
      objective_.set_sums(sums);
    };
    try {
      Monitor silent;
      batch_.set_location(inputs, places);
      if (!entry.key.from_host) batch_.gather_uploaded(places);
      step(entry.key.rows, true, silent);
    } catch (...) {
      put_back();
      throw;
    }
    put_back();
  });
  entry.refused = entry.recording == nullptr;
}

std::int64_t Trainer::run_recorded(const Samples& samples, const std::int64_t* order, std::int64_t first,
                                   std::int64_t batch_size, Monitor& monitor) {
  constexpr std::int64_t worthwhile = 3;  // for as many steps, a recording is made at once
  constexpr std::size_t most_staged = std::size_t{16} << 20;  // bytes of pinned memory
  Device& device = network.device();
  const std::int64_t rows = samples.rows(), count = std::min(batch_size, rows - first);
  const std::int64_t steps = (rows - first) / count;
  if (!may_record(steps)) return 0;
  CapturedSteps::Key key;
  key.rows = count;
  key.from_host = rows <= batch_size;
  if (samples.weights.size() > 64) return 0;
  for (std::size_t i = 0; i < samples.weights.size(); ++i) {
    if (samples.weights[i]) key.weighted |= std::uint64_t{1} << i;
  }
  key.values = store().current();
  key.gradients = store().gradients().at(0);
  CapturedSteps::Entry& entry = recorded_.entry(key);
  if (entry.refused || (entry.recording == nullptr && steps < worthwhile && ++entry.wanted < 2)) return 0;
  const BatchPlaces places(count, input_shapes(), objective_.rules(), samples, network.dtype());
  if (key.from_host && places.bytes > most_staged) return 0;
  if (!batch_.is_uploaded() && !known_indices(samples.x)) return 0;
  if (!key.from_host && !batch_.upload_dataset(samples, objective_.rules(), order)) return 0;
  if (entry.recording == nullptr) record(entry, places);
  if (entry.recording == nullptr) return 0;

  CapturedStep& recorded = *entry.recording;
  const FloatEnvironment environment;
  const std::vector<StepNumbers> numbers = optimizer().numbers_ahead(steps);
  if (numbers.empty()) return 0;
  CapturedRuns runs;
  runs.steps = steps;
  runs.numbers = numbers.data();
  runs.first_step = static_cast<std::uint64_t>(steps_seen_);
  std::vector<double> totals = objective_.loss_totals();
  runs.state = objective_.state_data();
  runs.loss_totals = totals.data();
  if (!key.from_host) batch_.describe(runs);
  runs.first_row = first;
  runs.rows_a_step = count;
  recorded.begin(runs);
  if (key.from_host) batch_.stage(samples, objective_.rules(), order, first, places, recorded);

  std::int64_t done = 0;
  const auto take_over = [&] {
    recorded.read(totals.data(), objective_.state_data());
    objective_.take_totals(totals, done * count);
    if (done > 0) store().shared().changed();
  };
  try {
    constexpr std::int64_t ahead = 64;  // how far the host may run ahead: Ctrl-C waits for as many
    while (done < steps && !store().shared().any()) {  // another thread may give others a share meanwhile
      {
        const std::unique_lock lock(store().lock());
        store().values();  // copies of them are out of date
        recorded.run();
        store().changed();
        optimizer().count_recorded();
        optimizer().flush_denormal_state(store());
      }
      ++done;
      ++steps_seen_;
      store().begin_gradients(true);
      ++monitor.batches;
      ++batches_done_;
      if (done % ahead == 0) device.synchronize();
      monitor.tick(0, true);
    }
  } catch (...) {
    take_over();
    throw;
  }
  take_over();
  return done * count;
}

}  // namespace lamina::nn
