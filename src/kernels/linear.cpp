#include "kernels/linear.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/activation.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cuda/cuda.h"
#include "kernels/device.h"
#include "kernels/round.h"

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

/** Throws Error{internal} if what stands beside a matrix [out, in] of x, or of what x's pixels became, does not fit. */
void check(const Thins& beside, const mx::array& x, int in, int out) {
  const int batch = x.ndim() > 1 ? x.shape(0) : 1;
  for (const auto& [down, up, share] : beside) {
    const bool pixels = share.size() == 1 || share.size() * static_cast<size_t>(batch * x.shape(-1)) == x.size();
    if (down.in() != in || up.out() != out || down.out() != up.in() || !pixels ||
        (share.dtype() != mx::float32 && !on_cuda()))
      fail(ErrorCode::internal, "linear",
           fmt::format("[{}, {}] . [{}, {}] for {} pixels stands beside [{}, {}] of {}", up.out(), up.in(), down.out(),
                       down.in(), share.size(), out, in, to_string(x.shape())));
  }
}

/** The array with zeros behind its numbers on one axis. */
mx::array filled(const mx::array& x, int axis, int size) {
  return size == x.shape(axis) ? x : mx::pad(x, {axis}, {0}, {size - x.shape(axis)}, mx::array(0, x.dtype()));
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
  return product(arrays[0], x, added);
}

mx::array Linear::product(const mx::array& weight, const mx::array& x, const std::optional<mx::array>& added) const {
  if (added && !plain_->has_bias()) return mx::addmm(*added, x, mx::transpose(weight));
  const auto y = linear_reference(x, weight, plain_->has_bias() ? std::optional(plain_->arrays()[1]) : std::nullopt);
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

std::vector<cpu::ThinWeights> Linear::packed(const Thins& beside) {
  std::vector<cpu::ThinWeights> all;
  for (const auto& [down, up, share] : beside) all.push_back({down.packed_, up.packed_, share});
  return all;
}

mx::array Linear::with(const Thins& beside, const mx::array& x, const std::optional<mx::array>& added) const {
  check(x, in_, out_, added);
  check(beside, x, in_, out_);
  if (const auto y = cpu::linear(packed_, x, added, packed(beside))) return *y;
  if (!on_cuda() || packed_) return add_thin_reference(beside, x, (*this)(x, added));
  auto left = beside;
  const auto weight = merged(plain_->arrays()[0], x, left);
  return add_thin_reference(left, x, product(weight, x, added));
}

mx::array Linear::merged(mx::array weight, const mx::array& x, Thins& beside) {
  constexpr size_t kMany = 64;
  const auto rows = x.size() / static_cast<size_t>(x.shape(-1));
  std::erase_if(beside, [&](const Thin& thin) {
    if (rows < kMany || thin.share.size() != 1) return false;
    const auto up = thin.up.plain_->arrays()[0], down = thin.down.plain_->arrays()[0];
    const auto sum = cuda::with_thin(weight, up, down, thin.share);
    weight = sum ? *sum : mx::addmm(weight, up * mx::astype(thin.share, up.dtype()), down);
    return true;
  });
  return weight;
}

Sum Linear::later(const mx::array& x, const Thins& beside) const {
  if (beside.empty()) return later(x);
  check(beside, x, in_, out_);
  return Sum(Term{.make = [*this, x, beside](const Addends& added) { return with(beside, x, added.residual); }});
}

int thin_rank(int rank, mx::Dtype dtype) {
  return static_cast<int>(round_up(rank, on_cuda() ? 8 : cpu::thin_step(dtype)));
}

std::pair<Linear, Linear> thin_matrices(const mx::array& down, const mx::array& up) {
  const int rank = thin_rank(down.shape(0), down.dtype());
  return {Linear(filled(down, 0, rank), std::nullopt), Linear(filled(up, 1, rank), std::nullopt)};
}

std::optional<std::pair<Linear, Linear>> joined_thin(const std::vector<Thin>& parts) {
  int ranks = 0, before = 0;
  for (const auto& part : parts) ranks += part.down.out();
  std::vector<mx::array> downs, ups;
  for (const auto& [down, up, share] : parts) {
    const auto first = down.plain_->arrays(), second = up.plain_->arrays();
    if (first.empty() || second.empty()) return {};
    const int behind = ranks - before - down.out();
    downs.push_back(first[0]);
    ups.push_back(mx::pad(second[0], {1}, {before}, {behind}, mx::array(0, second[0].dtype())));
    before += down.out();
  }
  return std::pair{Linear(mx::concatenate(downs, 0), std::nullopt), Linear(mx::concatenate(ups, 0), std::nullopt)};
}

mx::array add_thin(const Thins& beside, const mx::array& x, const mx::array& y) {
  if (beside.empty()) return y;
  check(beside, x, x.shape(-1), y.shape(-1));
  check(x, x.shape(-1), y.shape(-1), y);
  const auto sum = cpu::linear(nullptr, x, y, Linear::packed(beside));
  return sum ? *sum : add_thin_reference(beside, x, y);
}

mx::array add_thin_reference(const Thins& beside, const mx::array& x, const mx::array& y) {
  auto sum = y;
  for (const auto& [down, up, share] : beside) {
    auto shape = x.shape();
    shape.front() = shape.back() = 1;
    if (share.size() == 1) std::fill(shape.begin(), shape.end(), 1);
    const auto made = down(x);
    sum = up(made * mx::astype(mx::reshape(share, shape), made.dtype()), sum);
  }
  return sum;
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
  if (on_cuda() && !parts_.front().packed_) return at_once(x);
  std::vector<mx::array> results;
  for (const auto& part : parts_) results.push_back(part(x));
  return results;
}

std::vector<mx::array> JoinedLinear::at_once(const mx::array& x, const Thins& beside) const {
  auto left = beside;
  const auto weight = on_cuda() ? Linear::merged(*whole().weight, x, left) : *whole().weight;
  const auto all = add_thin_reference(left, x, linear_reference(x, weight, whole().bias));
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

Sum gated_linear_later(const mx::array& x, const Linear& first, const Linear& second, const Thins& beside_first,
                       const Thins& beside_second) {
  check(x, first.in(), first.out(), {});
  return Sum(Term{
      .make = [=](const Addends& added) { return gated_linear(x, first, second, added, beside_first, beside_second); },
      .id = second.id()});
}

mx::array gated_linear(const mx::array& x, const Linear& first, const Linear& second, const Addends& addends,
                       const Thins& beside_first, const Thins& beside_second) {
  const auto& added = addends.residual;
  check(x, first.in(), second.out(), added);
  check(beside_first, x, first.in(), first.out());
  check(beside_second, x, second.in(), second.out());
  if (const auto y = cpu::gated_linear(first.packed_, second.packed_, x, added, Linear::packed(beside_first),
                                       Linear::packed(beside_second)))
    return *y;
  if (on_cuda() && !second.packed_ && added) {
    const auto bias = addends.biased ? std::nullopt : second.bias();
    const auto wide = geglu(first.with(beside_first, x));
    auto left = beside_second;
    const auto weight = Linear::merged(second.plain_->arrays()[0], wide, left);
    const auto y = mx::addmm(bias ? *added + *bias : *added, wide, mx::transpose(weight));
    return add_thin_reference(left, wide, y);
  }
  return second.with(beside_second, geglu(first.with(beside_first, x)), added);
}

mx::array linear_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias) {
  return bias ? mx::addmm(*bias, x, mx::transpose(weight)) : mx::matmul(x, mx::transpose(weight));
}

}  // namespace corepulse::kernels
