// Trains the networks of networks.txt, or graphs.txt, and writes their weights and predictions to the
// standard output. See README.md.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "cpu/dispatch.h"
#include "device/device.h"
#include "device/names.h"
#include "nn/training/trainer.h"
#include "numerics/streams.h"

namespace {

using namespace lamina;

constexpr std::uint64_t kSeed = 20260101;

std::string device_name = "cpu";

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(line);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

double number(const std::vector<std::string>& parts, std::size_t i, double otherwise) {
  return i < parts.size() ? std::stod(parts[i]) : otherwise;
}

/// parts[first] names the function, its parameters follow.
Activation activation(const std::vector<std::string>& parts, std::size_t first) {
  Activation f;
  f.kind = activation_from_name(parts.at(first));
  f.a = number(parts, first + 1, 0.0);
  f.b = number(parts, first + 2, kUnbounded);
  f.c = number(parts, first + 3, 0.0);
  return f;
}

RandomKey key(std::uint64_t index) { return {kSeed, numerics::stream_id(numerics::Purpose::user, index, 0)}; }

std::vector<char> uniform(DType dtype, std::int64_t n, double low, double high, std::uint64_t index) {
  std::vector<char> out(static_cast<std::size_t>(n) * size_of(dtype));
  RandomArguments r;
  r.dtype = dtype;
  r.key = key(index);
  r.n = n;
  r.out = out.data();
  r.a = low;
  r.b = high;
  device("cpu").random(r);
  return out;
}

ArrayView dense_view(const void* data, ElementType type, std::int64_t rows, const Shape& shape) {
  ArrayView view;
  view.data = data;
  view.type = type;
  view.rows = rows;
  view.row_shape = shape;
  auto stride = static_cast<std::int64_t>(size_of(type));
  view.strides.resize(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    view.strides[axis] = stride;
    stride *= shape[axis];
  }
  view.row_stride = stride;
  return view;
}

void write(const std::vector<char>& bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size())
    throw std::runtime_error("cannot write");
}

std::vector<std::int64_t> numbers(const std::string& text, char separator = ';') {
  std::vector<std::int64_t> found;
  for (const std::string& part : split(text, separator)) found.push_back(std::stoll(part));
  return found;
}

/// One layer, or one step of building a graph.
void append(nn::Network& network, const std::string& layer) {
  const std::vector<std::string> parts = split(layer, ':');
  const auto place = [&parts](std::size_t i) { return std::stoll(parts.at(i)); };
  if (parts[0] == "dense" || parts[0] == "nobias") {
    network.add_dense(place(1), parts[0] == "dense", activation(parts, 2));
  } else if (parts[0] == "activation") {
    network.add_activation(activation(parts, 1));
  } else if (parts[0] == "dropout") {
    network.add_dropout(std::stod(parts.at(1)), kSeed);
  } else if (parts[0] == "seek") {
    network.seek(place(1));
  } else if (parts[0] == "share") {
    network.share(place(1));
  } else if (parts[0] == "embedding") {
    network.add_embedding(place(1), place(2));
  } else if (parts[0] == "merge") {
    std::vector<std::int64_t> values;
    for (std::size_t i = 2; i < parts.size(); ++i) values.push_back(place(i));
    network.add_merge(parts.at(1), values, parts.at(1) == "concatenate" ? 0 : -1);
  } else if (parts[0] == "dot") {
    network.add_dot(place(1), place(2), 0, 0, false);
  } else {
    network.add_flatten();
  }
}

/// "loss:from_logits:smoothing:delta".
LossSpecification loss_of(const std::string& text) {
  const std::vector<std::string> loss = split(text, ':');
  return {loss_from_name(loss[0]), number(loss, 1, 0.0) != 0.0, number(loss, 2, 0.0), number(loss, 3, 1.0)};
}

void train(const std::string& line) {
  std::map<std::string, std::string> fields;
  for (const std::string& field : split(line, ' ')) {
    const std::size_t equals = field.find('=');
    fields[field.substr(0, equals)] = field.substr(equals + 1);
  }
  const DType dtype = dtype_from_name(fields.at("dtype"));
  const ElementType element = dtype == DType::float32 ? ElementType::float32 : ElementType::float64;
  const auto optional = [&fields](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  };
  std::vector<Shape> inputs(1);
  for (const std::string& extent : split(fields.at("input"), 'x')) inputs[0].push_back(std::stoll(extent));
  for (const std::int64_t extent : numbers(optional("inputs"))) inputs.push_back({extent});

  nn::Trainer model(inputs[0], dtype, device(device_name), kSeed);
  for (std::size_t i = 1; i < inputs.size(); ++i) model.network.add_input(inputs[i]);
  for (const std::string& layer : split(fields.at("layers"), ',')) append(model.network, layer);
  if (fields.count("outputs") != 0) model.network.set_outputs(numbers(fields.at("outputs")));
  model.network.build();
  const auto& parameters = model.network.layout().parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    model.store().write(model.store().values(), i,
                        uniform(dtype, parameters[i].count, -0.25, 0.25, 10 + i).data());
  }

  std::vector<nn::OutputObjective> objectives;
  const std::vector<std::string> losses = split(fields.at("loss"), ';'),
                                 weights = split(optional("weights"), ';');
  for (std::size_t i = 0; i < losses.size(); ++i) {
    objectives.push_back({loss_of(losses[i])});
    objectives.back().weight = number(weights, i, 1.0);
  }
  const std::vector<std::string> rule = split(fields.at("optimizer"), ':');
  nn::OptimizerSettings settings;
  settings.kind = optimizer_from_name(rule[0]);
  settings.learning_rate = std::stod(rule.at(1));
  settings.momentum = number(rule, 2, 0.0);
  model.compile(objectives, settings);

  const std::int64_t rows = std::stoll(fields.at("rows"));
  nn::Samples samples;
  std::vector<std::vector<char>> x, y;
  std::vector<std::vector<std::int64_t>> integers(inputs.size() + losses.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    x.push_back(uniform(dtype, rows * element_count(inputs[i]), -1.0, 1.0, i == 0 ? 1 : 100 + i));
    samples.x.push_back(dense_view(x.back().data(), element, rows, inputs[i]));
  }
  for (const std::string& part : split(optional("indices"), ';')) {
    const std::vector<std::int64_t> of = numbers(part, ':');
    const auto place = static_cast<std::size_t>(of[0]);
    for (std::int64_t i = 0; i < rows; ++i) integers[place].push_back(i * 7 % of[1]);
    samples.x[place] = dense_view(integers[place].data(), ElementType::int64, rows, inputs[place]);
  }
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const Shape& output = model.network.shape_of_output(i);
    const Shape positions(output.begin(), output.end() - 1);
    y.push_back(uniform(dtype, rows * element_count(output), 0.0, 1.0, i == 0 ? 2 : 200 + i));
    samples.y.emplace_back(dense_view(y.back().data(), element, rows, output));
    if (objectives[i].loss->kind == LossKind::sparse_categorical_crossentropy) {
      std::vector<std::int64_t>& labels = integers[inputs.size() + i];
      for (std::int64_t k = 0; k < rows * element_count(positions); ++k) {
        labels.push_back(k * 7 % output.back());
      }
      samples.y[i] = dense_view(labels.data(), ElementType::int64, rows, positions);
    }
  }

  nn::Monitor monitor;
  for (int epoch = 0; epoch < std::stoi(fields.at("epochs")); ++epoch) {
    model.train_epoch(samples, std::stoll(fields.at("batch")), fields.at("shuffle") == "1", monitor);
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    std::vector<char> bytes(static_cast<std::size_t>(parameters[i].count) * size_of(dtype));
    model.store().read(model.store().current(), i, bytes.data());
    write(bytes);
  }
  std::vector<std::vector<char>> predictions;
  std::vector<void*> to;
  for (const Shape& output : model.network.output_shapes()) {
    predictions.emplace_back(static_cast<std::size_t>(rows * element_count(output)) * size_of(dtype));
    to.push_back(predictions.back().data());
  }
  model.predict(samples.x, to, monitor);
  for (const std::vector<char>& each : predictions) write(each);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 1) {  // what LAMINA_ISA may name here, between spaces
      std::cout << ' ';
      for (const std::string& isa : cpu::available_isas()) std::cout << isa << ' ';
      return EXIT_SUCCESS;
    }
    if (argc > 2) device_name = argv[2];
    std::ifstream file(argv[1]);
    if (!file) throw std::runtime_error(std::string("cannot read ") + argv[1]);
    for (std::string line; std::getline(file, line);) {
      if (!line.empty() && line[0] != '#') train(line);
    }
    return std::fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
