#include "nn/layers/noise.h"

#include <cmath>

#include "core/error.h"
#include "numerics/streams.h"

namespace lamina::nn {

namespace {

void draw(const Pass& pass, std::uint64_t seed, std::uint64_t index, std::int64_t n, double mean,
          double stddev, void* out) {
  RandomArguments r;
  r.dtype = pass.dtype;
  r.distribution = Distribution::normal;
  r.key = {seed, numerics::stream_id(numerics::Purpose::noise, index, pass.step)};
  r.n = n;
  r.out = out;
  r.a = mean;
  r.b = stddev;
  pass.device.random(r);
}

void elementwise(const Pass& pass, ElementwiseKind kind, std::int64_t n, const void* a, const void* b,
                 void* out, double p = 0.0, double q = 0.0, double r = 0.0) {
  pass.device.elementwise({pass.dtype, kind, n, a, b, out, p, q, r});
}

double checked_rate(const char* layer, double rate) {
  if (!(rate >= 0.0 && rate < 1.0)) {
    throw ValueError(text("[", layer, "] rate must be at least 0 and less than 1. Received: rate=", rate));
  }
  return rate;
}

}  // namespace

GaussianNoise::GaussianNoise(Shape input, double stddev, std::uint64_t seed, std::uint64_t index)
    : Layer(std::move(input)),
      stddev_(stddev),
      seed_(seed),
      index_(index),
      elements_(element_count(input_shape())) {
  if (!(stddev >= 0.0)) {
    throw ValueError(text("[GaussianNoise] stddev must be at least 0. Received: stddev=", stddev));
  }
}

void GaussianNoise::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  const std::int64_t n = pass.batch * elements_;
  draw(pass, seed_, index_, n, 0.0, stddev_, f.y);
  elementwise(pass, ElementwiseKind::add, n, f.x[0], f.y, f.y);
}

void GaussianNoise::backward(const Pass& pass, const BackwardArguments& b) const {
  if (b.input_gradients[0] == nullptr) return;
  pass.device.copy(b.input_gradients[0], b.gradient,
                   static_cast<std::size_t>(pass.batch * elements_) * size_of(pass.dtype));
  apply_producer_activation(pass, b);
}

GaussianDropout::GaussianDropout(Shape input, double rate, std::uint64_t seed, std::uint64_t index)
    : Layer(std::move(input)),
      stddev_(std::sqrt(checked_rate("GaussianDropout", rate) / (1.0 - rate))),
      seed_(seed),
      index_(index),
      elements_(element_count(input_shape())) {}

void GaussianDropout::apply(const Pass& pass, const void* in, void* out) const {
  const std::int64_t n = pass.batch * elements_;
  draw(pass, seed_, index_, n, 1.0, stddev_, out);
  elementwise(pass, ElementwiseKind::multiply, n, in, out, out);
}

void GaussianDropout::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  apply(pass, f.x[0], f.y);
}

void GaussianDropout::backward(const Pass& pass, const BackwardArguments& b) const {
  if (b.input_gradients[0] == nullptr) return;
  apply(pass, b.gradient, b.input_gradients[0]);
  apply_producer_activation(pass, b);
}

MaskedDropout::MaskedDropout(Shape input, double rate, Shape noise, bool alpha, std::uint64_t seed,
                             std::uint64_t index)
    : Layer(std::move(input)),
      rate_(checked_rate("Dropout", rate)),
      noise_(std::move(noise)),
      one_mask_(false),
      repeats_(false),
      elements_(element_count(input_shape())),
      seed_(seed),
      index_(index) {
  bool fits = noise_.size() == input_shape().size() + 1 && (noise_.front() == 1 || noise_.front() == -1);
  for (std::size_t axis = 0; fits && axis < input_shape().size(); ++axis) {
    std::int64_t& extent = noise_[axis + 1];
    if (extent == -1) extent = input_shape()[axis];
    fits = extent == 1 || extent == input_shape()[axis];
    repeats_ = repeats_ || extent != input_shape()[axis];
    drawn_ *= extent;
  }
  if (!fits) {
    throw ValueError(
        text("[Dropout] each extent of noise_shape must be 1, None or the input's, whose samples have shape ",
             to_string(input_shape()), ". Received: noise_shape=", to_string(noise_)));
  }
  one_mask_ = noise_.front() == 1;
  repeats_ = repeats_ || one_mask_;
  if (alpha) {
    constexpr double limit = -1.7580993408473768599;  // -selu's scale times alpha
    scale_ = 1.0 / std::sqrt((1.0 - rate) * (1.0 + rate * limit * limit));
    offset_ = -scale_ * limit * rate;
    dropped_ = scale_ * limit + offset_;
  } else {
    scale_ = 1.0 / (1.0 - rate);
  }
}

std::int64_t MaskedDropout::workspace(std::int64_t batch) const {
  return batch * elements_ + (repeats_ ? (one_mask_ ? 1 : batch) * drawn_ : 0);
}

void MaskedDropout::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  // Ones and zeros: dropout of a matrix of ones is positive where it keeps.
  const std::int64_t n = pass.batch * elements_, masks = one_mask_ ? 1 : pass.batch;
  void* whole = f.workspace;
  void* mask =
      repeats_ ? static_cast<char*>(whole) + static_cast<std::size_t>(n) * size_of(pass.dtype) : whole;
  elementwise(pass, ElementwiseKind::fill, masks * drawn_, nullptr, nullptr, mask, 1.0);
  DropoutArguments d;
  d.dtype = pass.dtype;
  d.key = {seed_, numerics::stream_id(numerics::Purpose::dropout, index_, pass.step)};
  d.rate = rate_;
  d.rows = masks;
  d.columns = drawn_;
  d.in = d.out = mask;
  pass.device.dropout(d);
  if (repeats_) {
    TransposeArguments r;
    r.dtype = pass.dtype;
    r.extents = {pass.batch};
    r.extents.insert(r.extents.end(), input_shape().begin(), input_shape().end());
    r.strides.assign(r.extents.size(), 0);
    std::int64_t stride = 1;
    for (std::size_t axis = noise_.size(); axis-- > 1;) {
      if (noise_[axis] != 1) r.strides[axis] = stride;
      stride *= noise_[axis];
    }
    if (!one_mask_) r.strides[0] = stride;
    r.in = mask;
    r.out = whole;
    pass.device.transpose(r);
  }
  elementwise(pass, ElementwiseKind::choose, n, f.x[0], whole, f.y, scale_, offset_, dropped_);
}

void MaskedDropout::backward(const Pass& pass, const BackwardArguments& b) const {
  if (b.input_gradients[0] == nullptr) return;
  elementwise(pass, ElementwiseKind::choose, pass.batch * elements_, b.gradient, b.workspace,
              b.input_gradients[0], scale_);
  apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
