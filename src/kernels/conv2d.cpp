#include "kernels/conv2d.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/activation.h"
#include "kernels/cpu/cpu.h"
#include "kernels/device.h"

namespace corepulse::kernels {
namespace {

/** [B, H', W', out] for x [B, H, W, in]; throws Error{internal} if nothing is left. */
mx::Shape target(const ConvGeometry& g, const mx::Shape& x, int out) {
  const auto& p = g.padding;
  const int h = x[1] + p.top + p.bottom - g.kh, w = x[2] + p.left + p.right - g.kw;
  if (h < 0 || w < 0)
    fail(ErrorCode::internal, "conv2d",
         fmt::format("shape {} under a {}x{} kernel; expected more pixels", to_string(x), g.kh, g.kw));
  return {x[0], h / g.stride + 1, w / g.stride + 1, out};
}

mx::array bare_conv2d(const mx::array& x, const mx::array& weight, const ConvGeometry& g) {
  const std::vector<int> stride{g.stride, g.stride};
  const std::vector<int> before{g.padding.top, g.padding.left}, after{g.padding.bottom, g.padding.right};
  return mx::conv_general(x, weight, stride, before, after, /*kernel_dilation=*/{1, 1}, /*input_dilation=*/{1, 1});
}

}  // namespace

Conv2d::Conv2d(LazyArray weight, std::optional<mx::array> bias, int stride, Padding padding) : in_(0), out_(0) {
  if (weight.shape().size() != 4)
    fail(ErrorCode::internal, "conv2d",
         fmt::format("weight {}; expected [out, kh, kw, in]", to_string(weight.shape())));
  if (bias) check_shape(*bias, {weight.shape(0)}, "conv2d");
  if (stride < 1) fail(ErrorCode::internal, "conv2d", fmt::format("stride {}; expected at least 1", stride));
  out_ = weight.shape(0);
  in_ = weight.shape(3);
  geometry_ = {weight.shape(1), weight.shape(2), stride, padding};
  plain_ = std::make_shared<PlainWeights>(std::move(weight), bias);
  packed_ = cpu::conv_weights(plain_, geometry_);
}

mx::array Conv2d::operator()(const mx::array& x, const Addends& added) const {
  check_shape(x, {-1, -1, -1, in_}, "conv2d");
  const auto shape = target(geometry_, x.shape(), out_);
  if (added.row) check_shape(*added.row, {shape[0], out_}, "conv2d");
  if (added.residual) check_shape(*added.residual, shape, "conv2d");
  if (const auto y = cpu::conv2d(packed_, x, shape, added.row, added.residual)) return *y;
  const auto arrays = plain_->arrays();
  if (arrays.empty())
    fail(ErrorCode::internal, "conv2d", "weights are packed for the CPU; expected x of their type there");
  const auto bias = plain_->has_bias() ? std::optional(arrays[1]) : std::nullopt;
  return add_up({bare_conv2d(x, arrays[0], geometry_), added.row, bias}, added.residual);
}

Sum Conv2d::later(const mx::array& x) const {
  check_shape(x, {-1, -1, -1, in_}, "conv2d");
  Term term{.make = [*this, x](const Addends& added) { return (*this)(x, added); }, .takes_row = true};
  const auto arrays = on_cuda() ? plain_->arrays() : std::vector<mx::array>();
  if (arrays.size() > 1) {  // cuDNN's convolution adds nothing: a bias is a pass of its own
    term.bare = [x, weight = arrays[0], geometry = geometry_] { return bare_conv2d(x, weight, geometry); };
    term.bias = mx::astype(arrays[1], x.dtype());
  }
  return Sum(std::move(term));
}

int Conv2d::pixels(const mx::Shape& x) const {
  const auto made = target(geometry_, x, out_);
  return made[1] * made[2];
}

mx::array Conv2d::upsampled(const mx::array& x, int height, int width) const {
  check_shape(x, {-1, -1, -1, in_}, "conv2d");
  if ((height + 1) / 2 != x.shape(1) || (width + 1) / 2 != x.shape(2))
    fail(ErrorCode::internal, "conv2d",
         fmt::format("{}x{} pixels of the enlarged {}; expected all, or all but the last", height, width,
                     to_string(x.shape())));
  const mx::Shape enlarged{x.shape(0), height, width, in_};
  if (const auto y = cpu::upsampled_conv2d(packed_, x, enlarged, target(geometry_, enlarged, out_))) return *y;
  const auto whole = upsample2x(x);
  return (*this)(whole.shape() == enlarged ? whole : mx::slice(whole, {0, 0, 0, 0}, enlarged));
}

mx::array conv2d_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias,
                           int stride, Padding padding) {
  const auto y = bare_conv2d(x, weight, {weight.shape(1), weight.shape(2), stride, padding});
  return bias ? y + *bias : y;
}

}  // namespace corepulse::kernels
