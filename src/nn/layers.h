#pragma once
// The small layers. A layer is a struct that takes its weights by prefix; its fields are called as
// the checkpoint's keys. Products and convolutions give a Sum: what is added to one is added as it is stored.
// `beside` is what stands beside the weights in this call; null: nothing, and the bits are as without the argument.

#include "kernels/activation.h"
#include "kernels/conv2d.h"
#include "kernels/device.h"
#include "kernels/linear.h"
#include "kernels/norm.h"
#include "nn/branches.h"
#include "nn/weights.h"

namespace corepulse::nn {

/** y = x W^T (+ b if the checkpoint has a bias and `bias` is true). */
struct Linear : kernels::Linear {
  Linear(const Weights& w, int in, int out, bool bias = true)
      : kernels::Linear(w.linear(out, in, bias)), path(w.path()) {}
  kernels::Sum operator()(const mx::array& x, const Branches* beside = nullptr) const {
    return beside ? beside->linear(path, x, *this) : later(x);
  }
  mx::array operator()(const kernels::Beside& x, const Branches* beside = nullptr) const {
    auto y = kernels::Linear::operator()(x);
    return beside && beside->holds(path) ? beside->added(path, x.whole(), std::move(y)) : y;
  }
  std::string path;
};

/** k x k convolution, NHWC; padding defaults to "same" for odd k. */
struct Conv2d : kernels::Conv2d {
  Conv2d(const Weights& w, int in, int out, int k, int stride = 1)
      : Conv2d(w, in, out, k, stride, kernels::Padding::same(k / 2)) {}
  Conv2d(const Weights& w, int in, int out, int k, int stride, kernels::Padding padding)
      : kernels::Conv2d(w.conv2d(out, in, k, stride, padding)), path(w.path()) {}
  kernels::Sum operator()(const mx::array& x, const Branches* beside = nullptr) const {
    return beside ? beside->conv2d(path, x, later(x), *this) : later(x);
  }
  mx::array upsampled(const mx::array& x, int height, int width, const Branches* beside = nullptr) const {
    auto y = kernels::Conv2d::upsampled(x, height, width);
    return beside ? beside->upsampled(path, x, std::move(y), *this) : y;
  }
  std::string path;
};

struct GroupNorm {
  GroupNorm(const Weights& w, int channels, int groups_, float eps_)
      : weight(w.take_float32("weight", {channels})),
        bias(w.take_float32("bias", {channels})),
        groups(groups_),
        eps(eps_),
        path(w.path()) {}
  mx::array operator()(const mx::array& x, const Branches* beside = nullptr) const {
    auto y = kernels::group_norm(x, weight, bias, groups, eps);
    return beside ? with(*beside, x, std::move(y)) : y;
  }
  /** silu(norm(x)), of an array, a Sum or Beside: in one pass, where nothing stands beside it. */
  template <class X>
  mx::array silu(const X& x, const Branches* beside = nullptr) const {
    if (!beside || !beside->holds(path)) return kernels::group_norm(x, weight, bias, groups, eps, true);
    return kernels::silu(with(*beside, x, kernels::group_norm(x, weight, bias, groups, eps)));
  }
  mx::array weight, bias;
  int groups;
  float eps;
  std::string path;

 private:
  template <class X>
  mx::array with(const Branches& beside, const X& x, mx::array y) const {
    return beside.norm(path, std::move(y), [&](const mx::array& w, const mx::array& b) {
      return kernels::group_norm(x, w, b, groups, eps);
    });
  }
};

struct LayerNorm {
  LayerNorm(const Weights& w, int width, float eps_ = 1e-5f)
      : weight(w.take_float32("weight", {width})), bias(w.take_float32("bias", {width})), eps(eps_), path(w.path()) {}
  /** @param next_ the product that will be added to what is normalised. */
  LayerNorm(const Weights& w, int width, const kernels::Linear& next_) : LayerNorm(w, width) { next = next_; }
  mx::array operator()(const mx::array& x) const { return kernels::layer_norm(x, weight, bias, eps); }
  mx::array operator()(const kernels::Sum& x, const Branches* beside = nullptr) const {
    auto y = kernels::layer_norm(x, weight, bias, eps, next ? &*next : nullptr);
    if (!beside) return y;
    return beside->norm(path, std::move(y),
                        [&](const mx::array& w, const mx::array& b) { return kernels::layer_norm(x, w, b, eps); });
  }
  mx::array weight, bias;
  float eps;
  std::optional<kernels::Linear> next;
  std::string path;
};

}  // namespace corepulse::nn
