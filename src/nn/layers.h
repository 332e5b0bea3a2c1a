#pragma once
// The small layers. A layer is a struct that takes its weights by prefix; its fields are called as
// the checkpoint's keys.

#include "kernels/activation.h"
#include "kernels/conv2d.h"
#include "kernels/device.h"
#include "kernels/linear.h"
#include "kernels/norm.h"
#include "nn/settle.h"
#include "nn/weights.h"

namespace corepulse::nn {

/** y = x W^T (+ b if the checkpoint has a bias and `bias` is true). */
struct Linear : kernels::Linear {
  Linear(const Weights& w, int in, int out, bool bias = true)
      : kernels::Linear(w.take_matrix("weight", out, in),
                        bias ? std::optional(w.take_bias("bias", out)) : std::nullopt) {}
};

/** k x k convolution, NHWC; padding defaults to "same" for odd k. */
struct Conv2d : kernels::Conv2d {
  Conv2d(const Weights& w, int in, int out, int k, int stride = 1)
      : Conv2d(w, in, out, k, stride, kernels::Padding::same(k / 2)) {}
  Conv2d(const Weights& w, int in, int out, int k, int stride, kernels::Padding padding)
      : kernels::Conv2d(w.take_conv("weight", out, in, k), w.take_bias("bias", out), stride, padding) {}
};

struct GroupNorm {
  GroupNorm(const Weights& w, int channels, int groups_, float eps_)
      : weight(w.take_float32("weight", {channels})),
        bias(w.take_float32("bias", {channels})),
        groups(groups_),
        eps(eps_) {}
  mx::array operator()(const mx::array& x) const { return kernels::group_norm(x, weight, bias, groups, eps); }
  /** silu(norm(x + added)) in one pass; of x and, where it is given, a skip beside it. */
  mx::array silu(const mx::array& x, const kernels::Addends& added = {},
                 const std::optional<mx::array>& skip = {}) const {
    return kernels::group_norm(x, weight, bias, groups, eps, true, added, skip);
  }
  mx::array weight, bias;
  int groups;
  float eps;
};

struct LayerNorm {
  LayerNorm(const Weights& w, int width, float eps_ = 1e-5f)
      : weight(w.take_float32("weight", {width})), bias(w.take_float32("bias", {width})), eps(eps_) {}
  mx::array operator()(const mx::array& x) const { return kernels::layer_norm(x, weight, bias, eps); }
  /** residual + linear(x), to which `carried` is added too, and the norm of residual + linear(x). */
  kernels::SumAndNorm after(const Linear& linear, const mx::array& x, const mx::array& residual,
                            const std::optional<mx::array>& carried = {}) const {
    // A product on the CPU adds for nothing, a norm on CUDA.
    if (kernels::on_cuda()) return kernels::add_layer_norm(residual, linear(x), weight, bias, eps, carried);
    const auto sum = settle(linear(x, residual));
    return {carried ? sum + *carried : sum, (*this)(sum)};
  }
  mx::array weight, bias;
  float eps;
};

}  // namespace corepulse::nn
