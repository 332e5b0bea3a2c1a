#include "nn/branches.h"

#include <algorithm>

#include "mlx/ops.h"

#include "kernels/activation.h"

namespace corepulse::nn {
namespace {

using kernels::LazyArray, kernels::Sum;

int pixels_of(const mx::array& x) {
  return static_cast<int>(x.size()) / (x.shape(0) * x.shape(-1));
}

/** A number for each pixel of y [B, ..., C], or one for all, in y's type. */
mx::array at_pixels(const mx::array& share, const mx::array& y) {
  auto shape = y.shape();
  shape.front() = shape.back() = 1;
  if (share.size() == 1) std::fill(shape.begin(), shape.end(), 1);
  return mx::astype(mx::reshape(share, shape), y.dtype());
}

}  // namespace

const BranchNumbers& LayerBranch::numbers() {
  if (read_) numbers_ = read_();
  read_ = nullptr;
  return numbers_;
}

const kernels::Linear& LayerBranch::linear(mx::Dtype dtype) {
  if (!linear_) {
    const auto& first = *numbers().first;
    linear_.emplace(LazyArray(mx::astype(mx::reshape(first, {first.shape(0), first.shape(1)}), dtype)), std::nullopt);
    numbers_.first.reset();  // a layer is a product or a convolution, never both
  }
  return *linear_;
}

const kernels::Conv2d& LayerBranch::convolution(const kernels::Conv2d& layer, mx::Dtype dtype) {
  if (!convolution_) {
    auto first = *numbers().first;
    if (first.ndim() == 2) first = mx::reshape(first, {first.shape(0), first.shape(1), 1, 1});
    convolution_.emplace(layer.like(LazyArray(mx::astype(mx::transpose(first, {0, 2, 3, 1}), dtype))));
    numbers_.first.reset();
  }
  return *convolution_;
}

mx::array LayerBranch::joined(const mx::array& y, const std::optional<mx::array>& made, const mx::array& share) {
  auto sum = y;
  if (made && !up_ && numbers().up) {
    up_.emplace(LazyArray(mx::astype(*numbers().up, y.dtype())), std::nullopt);
    numbers_.up.reset();
  }
  if (made && up_) {
    sum = (*up_)(*made * at_pixels(share, *made), sum);
  } else if (made) {
    sum = sum + *made * at_pixels(share, *made);
  }
  if (const auto& bias = numbers().bias) sum = sum + mx::astype(*bias, y.dtype()) * at_pixels(share, y);
  return sum;
}

mx::array LayerBranch::added(const mx::array& y, const mx::array& x, const mx::array& share) {
  return joined(y, linear_ || numbers().first ? std::optional(linear(x.dtype())(x)) : std::nullopt, share);
}

mx::array LayerBranch::convolved(const mx::array& y, const mx::array& x, const mx::array& share,
                                 const kernels::Conv2d& layer) {
  return joined(y, convolution_ || numbers().first ? std::optional(convolution(layer, x.dtype())(x)) : std::nullopt,
                share);
}

mx::array LayerBranch::upsampled(const mx::array& y, const mx::array& x, const mx::array& share,
                                 const kernels::Conv2d& layer) {
  const auto made = [&] { return convolution(layer, x.dtype()).upsampled(x, y.shape(1), y.shape(2)); };
  return joined(y, convolution_ || numbers().first ? std::optional(made()) : std::nullopt, share);
}

std::pair<mx::array, mx::array> LayerBranch::norm() {
  const auto& [first, up, bias] = numbers();
  const auto like = first ? *first : *bias;
  return {first ? *first : mx::zeros_like(like), bias ? *bias : mx::zeros_like(like)};
}

template <class Visit>
void Branches::each(const std::string& layer, int pixels, const Visit& visit) const {
  for (const auto& change : changes_) {
    const auto share = change.share.find(pixels);
    const auto branch = change.layers->find(layer);
    if (share != change.share.end() && branch != change.layers->end()) visit(branch->second, share->second);
  }
}

bool Branches::holds(const std::string& layer) const {
  return std::any_of(changes_.begin(), changes_.end(), [&](const Change& c) { return c.layers->contains(layer); });
}

bool Branches::acts(const std::string& layer, int pixels) const {
  bool any = false;
  each(layer, pixels, [&](const auto&, const auto&) { any = true; });
  return any;
}

Sum Branches::linear(const std::string& layer, const mx::array& x, Sum y) const {
  each(layer, pixels_of(x), [&](const auto& branch, const mx::array& share) {
    y = y.then([=](const mx::array& made) { return branch->added(made, x, share); });
  });
  return y;
}

Sum Branches::conv2d(const std::string& layer, const mx::array& x, Sum y, const kernels::Conv2d& like) const {
  each(layer, like.pixels(x.shape()), [&](const auto& branch, const mx::array& share) {
    y = y.then([=](const mx::array& made) { return branch->convolved(made, x, share, like); });
  });
  return y;
}

mx::array Branches::upsampled(const std::string& layer, const mx::array& x, mx::array y,
                              const kernels::Conv2d& like) const {
  each(layer, pixels_of(y),
       [&](const auto& branch, const mx::array& share) { y = branch->upsampled(y, x, share, like); });
  return y;
}

mx::array Branches::norm(const std::string& layer, mx::array y,
                         const std::function<mx::array(const mx::array&, const mx::array&)>& normalize) const {
  // A norm is linear in its numbers.
  each(layer, pixels_of(y), [&](const auto& branch, const mx::array& share) {
    const auto [weight, bias] = branch->norm();
    y = y + normalize(weight, bias) * at_pixels(share, y);
  });
  return y;
}

Sum Branches::row(const std::string& layer, const mx::array& x, Sum y, int height, int width) const {
  each(layer, height * width, [&](const auto& branch, const mx::array& share) {
    y = y.then([=](const mx::array& made) {
      const auto none = mx::zeros({x.shape(0), made.shape(3)}, made.dtype());
      const auto one = branch->added(none, x, mx::array(1.f));
      return made + mx::reshape(one, {x.shape(0), 1, 1, -1}) * at_pixels(share, made);
    });
  });
  return y;
}

mx::array Branches::whole(const std::string& layer, const mx::array& x, mx::array y,
                          const std::vector<int>& ids) const {
  for (const int id : ids)
    for (const auto& change : changes_)
      if (const auto branch = change.layers->find(layer); change.id == id && branch != change.layers->end())
        y = branch->second->added(y, x, change.strength);
  return y;
}

}  // namespace corepulse::nn
