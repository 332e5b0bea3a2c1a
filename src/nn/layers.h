#pragma once
// The small layers. A layer is a struct that takes its weights by prefix; its fields are called as
// the checkpoint's keys. Products and convolutions give a Sum: what is added to one is added as it is stored.

#include "kernels/activation.h"
#include "kernels/conv2d.h"
#include "kernels/device.h"
#include "kernels/linear.h"
#include "kernels/norm.h"
#include "nn/weights.h"

namespace corepulse::nn {

/** y = x W^T (+ b if the checkpoint has a bias and `bias` is true). */
struct Linear : kernels::Linear {
  Linear(const Weights& w, int in, int out, bool bias = true) : kernels::Linear(w.linear(out, in, bias)) {}
  kernels::Sum operator()(const mx::array& x) const { return later(x); }
  mx::array operator()(const kernels::Beside& x) const { return kernels::Linear::operator()(x); }
};

/** k x k convolution, NHWC; padding defaults to "same" for odd k. */
struct Conv2d : kernels::Conv2d {
  Conv2d(const Weights& w, int in, int out, int k, int stride = 1)
      : Conv2d(w, in, out, k, stride, kernels::Padding::same(k / 2)) {}
  Conv2d(const Weights& w, int in, int out, int k, int stride, kernels::Padding padding)
      : kernels::Conv2d(w.conv2d(out, in, k, stride, padding)) {}
  kernels::Sum operator()(const mx::array& x) const { return later(x); }
};

struct GroupNorm {
  GroupNorm(const Weights& w, int channels, int groups_, float eps_)
      : weight(w.take_float32("weight", {channels})),
        bias(w.take_float32("bias", {channels})),
        groups(groups_),
        eps(eps_) {}
  mx::array operator()(const mx::array& x) const { return kernels::group_norm(x, weight, bias, groups, eps); }
  /** silu(norm(x)) in one pass, of an array, a Sum or Beside. */
  template <class X>
  mx::array silu(const X& x) const {
    return kernels::group_norm(x, weight, bias, groups, eps, true);
  }
  mx::array weight, bias;
  int groups;
  float eps;
};

struct LayerNorm {
  LayerNorm(const Weights& w, int width, float eps_ = 1e-5f)
      : weight(w.take_float32("weight", {width})), bias(w.take_float32("bias", {width})), eps(eps_) {}
  /** @param next_ the product that will be added to what is normalised. */
  LayerNorm(const Weights& w, int width, const kernels::Linear& next_) : LayerNorm(w, width) { next = next_; }
  mx::array operator()(const mx::array& x) const { return kernels::layer_norm(x, weight, bias, eps); }
  mx::array operator()(const kernels::Sum& x) const {
    return kernels::layer_norm(x, weight, bias, eps, next ? &*next : nullptr);
  }
  mx::array weight, bias;
  float eps;
  std::optional<kernels::Linear> next;
};

}  // namespace corepulse::nn
