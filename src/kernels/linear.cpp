#include "kernels/linear.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/activation.h"
#include "kernels/cpu/cpu.h"
#include "kernels/device.h"

namespace corepulse::kernels {
namespace {

/** Throws Error{internal} if x [..., in] or what is added to the result [..., out] does not fit. */
void check(const mx::array& x, int in, int out, const std::optional<mx::array>& added) {
  auto shape = x.shape();
  if (shape.empty() || shape.back() != in)
    fail(ErrorCode::internal, "linear", fmt::format("shape {}; expected [..., {}]", to_string(shape), in));
  shape.back() = out;
  if (added) check_shape(*added, shape, "linear");
}

}  // namespace

Linear::Linear(LazyArray weight, std::optional<mx::array> bias) : in_(0), out_(0) {
  if (weight.shape().size() != 2)
    fail(ErrorCode::internal, "linear", fmt::format("weight {}; expected [out, in]", to_string(weight.shape())));
  if (bias) check_shape(*bias, {weight.shape(0)}, "linear");
  out_ = weight.shape(0);
  in_ = weight.shape(1);
  plain_ = std::make_shared<PlainWeights>(std::move(weight), bias);
  packed_ = cpu::linear_weights(plain_);
}

mx::array Linear::operator()(const mx::array& x, const std::optional<mx::array>& added) const {
  check(x, in_, out_, added);
  if (const auto y = cpu::linear(packed_, x, added)) return *y;
  const auto arrays = plain_->arrays();
  if (arrays.empty())
    fail(ErrorCode::internal, "linear", "weights are packed for the CPU; expected x of their type there");
  const auto y = linear_reference(x, arrays[0], plain_->has_bias() ? std::optional(arrays[1]) : std::nullopt);
  return added ? y + *added : y;
}

mx::array Linear::operator()(const Beside& x) const {
  if (x.skip())
    if (const auto y = cpu::joined_linear(packed_, x.x(), *x.skip())) return *y;
  return (*this)(x.skip() ? mx::concatenate({x.x(), *x.skip()}, -1) : x.x());  // not kept: x outlives the product
}

Sum Linear::later(const mx::array& x) const {
  check(x, in_, out_, {});
  return Sum(Term{.make = [*this, x](const Addends& added) { return (*this)(x, added.residual); }});
}

std::optional<mx::array> Linear::bias() const {
  const auto arrays = plain_->arrays();
  return arrays.size() > 1 ? std::optional(arrays[1]) : std::nullopt;
}

const JoinedLinear::Whole& JoinedLinear::whole() const {
  std::call_once(whole_->once, [&] {
    std::vector<mx::array> weights, biases;
    for (const auto& part : parts_) {
      const auto arrays = part.plain_->arrays();
      weights.push_back(arrays.at(0));
      if (arrays.size() > 1) biases.push_back(arrays[1]);
    }
    whole_->weight = LazyArray::ready(mx::concatenate(weights, 0));
    if (!biases.empty()) whole_->bias = LazyArray::ready(mx::concatenate(biases, 0));
    int row = 0;
    for (const auto& part : parts_) {
      auto rows = mx::slice(*whole_->weight, {row, 0}, {row + part.out(), part.in()});
      rows.eval();
      part.plain_->replace_weight(std::move(rows));
      row += part.out();
    }
  });
  return *whole_;
}

std::vector<mx::array> JoinedLinear::operator()(const mx::array& x) const {
  if (on_cuda() && !parts_.front().packed_) {
    const auto all = linear_reference(x, *whole().weight, whole().bias);
    auto from = mx::Shape(all.ndim(), 0);
    auto to = all.shape();
    std::vector<mx::array> results;
    for (const auto& part : parts_) {
      to.back() = from.back() + part.out();
      results.push_back(mx::slice(all, from, to));  // which our kernels read in place, unlike a split
      from.back() = to.back();
    }
    return results;
  }
  std::vector<mx::array> results;
  for (const auto& part : parts_) results.push_back(part(x));
  return results;
}

Sum gated_linear_later(const mx::array& x, const Linear& first, const Linear& second) {
  check(x, first.in(), first.out(), {});
  return Sum(
      Term{.make = [=](const Addends& added) { return gated_linear(x, first, second, added); }, .id = second.id()});
}

mx::array gated_linear(const mx::array& x, const Linear& first, const Linear& second, const Addends& addends) {
  const auto& added = addends.residual;
  check(x, first.in(), second.out(), added);
  if (const auto y = cpu::gated_linear(first.packed_, second.packed_, x, added)) return *y;
  if (on_cuda() && !second.packed_ && added) {
    const auto bias = addends.biased ? std::nullopt : second.bias();
    return mx::addmm(bias ? *added + *bias : *added, geglu(first(x)), mx::transpose(second.plain_->arrays()[0]));
  }
  return second(geglu(first(x)), added);
}

mx::array linear_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias) {
  return bias ? mx::addmm(*bias, x, mx::transpose(weight)) : mx::matmul(x, mx::transpose(weight));
}

}  // namespace corepulse::kernels
