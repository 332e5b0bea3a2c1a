#include "kernels/conv2d.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/device.h"
#include "kernels/plain_weights.h"
#include "kernels/primitive.h"
#ifdef COREPULSE_CPU_KERNELS
#include "kernels/onednn.h"
#endif

namespace corepulse::kernels {
namespace {

/** What stays the same for every picture a convolution sees. */
struct Geometry {
  int kh, kw, stride;
  Padding padding;

  /** Each pixel by itself: a matrix product. */
  bool pointwise() const {
    return kh == 1 && kw == 1 && stride == 1 && !padding.top && !padding.bottom && !padding.left && !padding.right;
  }

  /** [B, H', W', out] for x [B, H, W, in]; throws Error{internal} if nothing is left. */
  mx::Shape target(const mx::array& x, int out) const {
    const int h = x.shape(1) + padding.top + padding.bottom - kh, w = x.shape(2) + padding.left + padding.right - kw;
    if (h < 0 || w < 0)
      fail(ErrorCode::internal, "conv2d",
           fmt::format("shape {} under a {}x{} kernel; expected a larger picture", to_string(x.shape()), kh, kw));
    return {x.shape(0), h / stride + 1, w / stride + 1, out};
  }
};

mx::array plain_conv2d(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias,
                       const Geometry& g) {
  const std::vector<int> stride{g.stride, g.stride};
  const std::vector<int> before{g.padding.top, g.padding.left}, after{g.padding.bottom, g.padding.right};
  const auto y =
      mx::conv_general(x, weight, stride, before, after, /*kernel_dilation=*/{1, 1}, /*input_dilation=*/{1, 1});
  return bias ? y + *bias : y;
}

}  // namespace

#ifdef COREPULSE_CPU_KERNELS
namespace {

using Format = dnnl::memory::format_tag;

// oneDNN names dimensions in the order N, C, H, W however they lie in memory.
dnnl::memory::desc pixels(const mx::Shape& s) {
  return float32_memory({s[0], s[3], s[1], s[2]}, Format::nhwc);
}

// A pointwise convolution is a matrix product, whose packing serves every size of picture; oneDNN's 1x1 convolution
// wants another one for nearly every size.
dnnl::memory::desc layout(const mx::Shape& w, const Geometry& g) {
  if (g.pointwise()) return float32_memory({w[0], w[3]}, Format::ab);
  return float32_memory({w[0], w[3], w[1], w[2]}, Format::ohwi);
}

dnnl::primitive_desc describe(const mx::Shape& source, const mx::Shape& target, const Geometry& g, bool bias,
                              const dnnl::memory::desc& weights) {
  if (g.pointwise()) return describe_product(int64_t{source[0]} * source[1] * source[2], bias, weights);
  const auto bias_desc = bias ? float32_memory({target[3]}, Format::x) : dnnl::memory::desc();
  return dnnl::convolution_forward::primitive_desc({dnnl::prop_kind::forward_inference,
                                                    dnnl::algorithm::convolution_direct,
                                                    pixels(source),
                                                    weights,
                                                    bias_desc,
                                                    pixels(target),
                                                    {g.stride, g.stride},
                                                    {g.padding.top, g.padding.left},
                                                    {g.padding.bottom, g.padding.right}},
                                                   onednn_attributes(), onednn_engine());
}

}  // namespace

struct Conv2d::Packed : OnednnWeights {
  Packed(const mx::array& w, std::optional<mx::array> bias, Geometry g)
      : OnednnWeights(w, std::move(bias), layout(w.shape(), g)), geometry(g) {}
  Geometry geometry;
};
#else
struct Conv2d::Packed : PlainWeights {
  Packed(mx::array weight, std::optional<mx::array> bias, Geometry g)
      : PlainWeights(std::move(weight), std::move(bias)), geometry(g) {}
  Geometry geometry;
};
#endif

Conv2d::Conv2d(mx::array weight, std::optional<mx::array> bias, int stride, Padding padding) : in_(0), out_(0) {
  check_shape(weight, {-1, -1, -1, -1}, "conv2d");
  if (bias) check_shape(*bias, {weight.shape(0)}, "conv2d");
  if (stride < 1) fail(ErrorCode::internal, "conv2d", fmt::format("stride {}; expected at least 1", stride));
  out_ = weight.shape(0);
  in_ = weight.shape(3);
  const Geometry geometry{weight.shape(1), weight.shape(2), stride, padding};
  packed_ = std::make_shared<Packed>(std::move(weight), std::move(bias), geometry);
}

mx::array Conv2d::operator()(const mx::array& x) const {
  check_shape(x, {-1, -1, -1, in_}, "conv2d");
  auto shape = packed_->geometry.target(x, out_);
  auto arrays = packed_->arrays();
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x)) {
    arrays.insert(arrays.begin(), x);
    return cpu_op("conv2d", std::move(arrays), shape,
                  [packed = packed_, from = x.shape(), to = shape](const std::vector<const float*>& in, float* out) {
                    packed->run(in[0], out, {in.begin() + 1, in.end()}, {from[0], from[1], from[2]},
                                [&](const dnnl::memory::desc& weights) {
                                  return describe(from, to, packed->geometry, packed->has_bias(), weights);
                                });
                  });
  }
#endif
  if (arrays.empty())
    fail(ErrorCode::internal, "conv2d", "weights are packed for float32 on the CPU; expected float32 x there");
  return plain_conv2d(x, arrays[0], packed_->has_bias() ? std::optional(arrays[1]) : std::nullopt, packed_->geometry);
}

mx::array conv2d_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias,
                           int stride, Padding padding) {
  return plain_conv2d(x, weight, bias, {weight.shape(1), weight.shape(2), stride, padding});
}

}  // namespace corepulse::kernels
