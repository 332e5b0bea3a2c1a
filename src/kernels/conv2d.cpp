#include "kernels/conv2d.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/activation.h"
#include "kernels/cpu/primitive.h"
#include "kernels/device.h"
#ifdef COREPULSE_CPU_KERNELS
#include "kernels/amx/product.h"
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/winograd.h"
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

  /** [B, H', W', out] for a picture x of shape [B, H, W, in]; throws Error{internal} if nothing is left. */
  mx::Shape target(const mx::Shape& x, int out) const {
    const int h = x[1] + padding.top + padding.bottom - kh, w = x[2] + padding.left + padding.right - kw;
    if (h < 0 || w < 0)
      fail(ErrorCode::internal, "conv2d",
           fmt::format("shape {} under a {}x{} kernel; expected a larger picture", to_string(x), kh, kw));
    return {x[0], h / stride + 1, w / stride + 1, out};
  }
};

mx::array bare_conv2d(const mx::array& x, const mx::array& weight, const Geometry& g) {
  const std::vector<int> stride{g.stride, g.stride};
  const std::vector<int> before{g.padding.top, g.padding.left}, after{g.padding.bottom, g.padding.right};
  return mx::conv_general(x, weight, stride, before, after, /*kernel_dilation=*/{1, 1}, /*input_dilation=*/{1, 1});
}

}  // namespace

#ifdef COREPULSE_CPU_KERNELS
namespace {

mx::array add(mx::array y, const Addends& added) {
  if (added.row) y = kernels::add(y, mx::expand_dims(*added.row, {1, 2}));
  if (added.residual) y = kernels::add(y, *added.residual);
  return y;
}

using Format = dnnl::memory::format_tag;

// oneDNN names dimensions in the order N, C, H, W however they lie in memory.
dnnl::memory::desc pixels(const mx::Shape& s, dnnl::memory::data_type type) {
  return {{s[0], s[3], s[1], s[2]}, type, Format::nhwc};
}

// A pointwise convolution is a matrix product, whose packing serves every size of picture; oneDNN's 1x1 convolution
// wants another one for nearly every size.
dnnl::memory::desc layout(const LazyArray& weight, const Geometry& g) {
  const auto& w = weight.shape();
  const auto type = onednn_type(weight.dtype());
  if (g.pointwise()) return {{w[0], w[3]}, type, Format::ab};
  return {{w[0], w[3], w[1], w[2]}, type, Format::ohwi};
}

dnnl::primitive_desc describe(const mx::Shape& source, const mx::Shape& target, const Geometry& g, bool bias,
                              const dnnl::memory::desc& weights) {
  if (g.pointwise()) return describe_product(int64_t{source[0]} * source[1] * source[2], bias, weights);
  const auto type = weights.data_type();
  const auto bias_desc = bias ? dnnl::memory::desc({target[3]}, kBiasType, Format::x) : dnnl::memory::desc();
  return dnnl::convolution_forward::primitive_desc({dnnl::prop_kind::forward_inference,
                                                    dnnl::algorithm::convolution_direct,
                                                    pixels(source, type),
                                                    weights,
                                                    bias_desc,
                                                    pixels(target, type),
                                                    {g.stride, g.stride},
                                                    {g.padding.top, g.padding.left},
                                                    {g.padding.bottom, g.padding.right}},
                                                   onednn_attributes(), onednn_engine());
}

bool tiles_fit(const LazyArray& weight, const Geometry& g) {
  const auto& p = g.padding;
  const bool bordered =
      g.kh == 3 && g.kw == 3 && g.stride == 1 && p.top == 1 && p.bottom == 1 && p.left == 1 && p.right == 1;
  return (bordered || g.pointwise()) && tile_product_fits(weight);
}

}  // namespace

/** On AMX's tiles where it fits; else 3x3 kernels in float32 by Winograd's algorithm, others by oneDNN. */
struct Conv2d::Packed {
  Packed(const LazyArray& w, const std::optional<mx::array>& bias, Geometry g) : geometry(g) {
    if (tiles_fit(w, g))
      tiles.emplace(w, bias, w.shape(0), int64_t{g.kh} * g.kw * w.shape(3), int64_t{g.kh} * g.kw);
    else if (winograd_fits(w.shape(), g.stride) && w.dtype() != mx::bfloat16)
      winograd.emplace(w, bias);
    else
      onednn.emplace(w, bias, layout(w, g));
  }
  const PlainWeights& weights() const {
    if (tiles) return *tiles;
    return winograd ? static_cast<const PlainWeights&>(*winograd) : *onednn;
  }
  bool has_bias() const { return weights().has_bias(); }
  std::vector<mx::array> arrays() const { return weights().arrays(); }

  Geometry geometry;
  std::optional<TileWeights> tiles;
  std::optional<WinogradWeights> winograd;
  std::optional<OnednnWeights> onednn;
};

namespace {

WinogradShape winograd_shape(const mx::Shape& from, const mx::Shape& to, const Geometry& g, int scale) {
  return {from[0], from[1], from[2], from[3], to[1], to[2], to[3], g.padding.top, g.padding.left, scale};
}

/** The array at `in`, after which the next one is read; null if there is none. */
ConstNumbers next_of(Inputs::const_iterator& in, bool there) {
  return there ? *in++ : ConstNumbers();
}

std::vector<mx::array> inputs_of(const mx::array& x, const Addends& added) {
  std::vector<mx::array> inputs{x};
  if (added.row) inputs.push_back(*added.row);
  if (added.residual) inputs.push_back(*added.residual);
  return inputs;
}

}  // namespace
#else
struct Conv2d::Packed : PlainWeights {
  Packed(LazyArray weight, std::optional<mx::array> bias, Geometry g)
      : PlainWeights(std::move(weight), std::move(bias)), geometry(g) {}
  Geometry geometry;
};
#endif

Conv2d::Conv2d(LazyArray weight, std::optional<mx::array> bias, int stride, Padding padding) : in_(0), out_(0) {
  if (weight.shape().size() != 4)
    fail(ErrorCode::internal, "conv2d",
         fmt::format("weight {}; expected [out, kh, kw, in]", to_string(weight.shape())));
  if (bias) check_shape(*bias, {weight.shape(0)}, "conv2d");
  if (stride < 1) fail(ErrorCode::internal, "conv2d", fmt::format("stride {}; expected at least 1", stride));
  out_ = weight.shape(0);
  in_ = weight.shape(3);
  const Geometry geometry{weight.shape(1), weight.shape(2), stride, padding};
  packed_ = std::make_shared<Packed>(std::move(weight), std::move(bias), geometry);
}

mx::array Conv2d::operator()(const mx::array& x, const Addends& added) const {
  check_shape(x, {-1, -1, -1, in_}, "conv2d");
  const auto shape = packed_->geometry.target(x.shape(), out_);
  if (added.row) check_shape(*added.row, {shape[0], out_}, "conv2d");
  if (added.residual) check_shape(*added.residual, shape, "conv2d");
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x) && packed_->tiles && x.dtype() == packed_->tiles->dtype()) return tiles(x, shape, 1, added);
  if (use_cpu_kernels(x) && !packed_->tiles)
    return packed_->winograd ? winograd(x, x.shape(), 1, added) : add(onednn(x, shape), added);
#endif
  const auto arrays = packed_->arrays();
  if (arrays.empty())
    fail(ErrorCode::internal, "conv2d", "weights are packed for the CPU; expected x of their type there");
  const auto bias = packed_->has_bias() ? std::optional(arrays[1]) : std::nullopt;
  return add_up({bare_conv2d(x, arrays[0], packed_->geometry), added.row, bias}, added.residual);
}

Sum Conv2d::later(const mx::array& x) const {
  check_shape(x, {-1, -1, -1, in_}, "conv2d");
  Term term{.make = [*this, x](const Addends& added) { return (*this)(x, added); }, .takes_row = true};
  const auto arrays = on_cuda() ? packed_->arrays() : std::vector<mx::array>();
  if (arrays.size() > 1) {  // cuDNN's convolution adds nothing: a bias is a pass of its own
    term.bare = [x, weight = arrays[0], geometry = packed_->geometry] { return bare_conv2d(x, weight, geometry); };
    term.bias = mx::astype(arrays[1], x.dtype());
  }
  return Sum(std::move(term));
}

mx::array Conv2d::upsampled(const mx::array& x, int height, int width) const {
  check_shape(x, {-1, -1, -1, in_}, "conv2d");
  if ((height + 1) / 2 != x.shape(1) || (width + 1) / 2 != x.shape(2))
    fail(ErrorCode::internal, "conv2d",
         fmt::format("{}x{} pixels of the enlarged {}; expected all, or all but the last", height, width,
                     to_string(x.shape())));
  const mx::Shape enlarged{x.shape(0), height, width, in_};
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x) && packed_->winograd) return winograd(x, enlarged, 2, {});
  if (use_cpu_kernels(x) && packed_->tiles && x.dtype() == packed_->tiles->dtype() && !packed_->geometry.pointwise())
    return tiles(x, {x.shape(0), height, width, out_}, 2, {});
#endif
  const auto whole = upsample2x(x);
  return (*this)(whole.shape() == enlarged ? whole : mx::slice(whole, {0, 0, 0, 0}, enlarged));
}

#ifdef COREPULSE_CPU_KERNELS
mx::array Conv2d::onednn(const mx::array& x, const mx::Shape& shape) const {
  return cpu_op("conv2d", {x}, shape, [packed = packed_, from = x.shape(), to = shape](const Inputs& in, Numbers out) {
    packed->onednn->run(in[0], out, {from[0], from[1], from[2]}, [&](const dnnl::memory::desc& weights) {
      return describe(from, to, packed->geometry, packed->has_bias(), weights);
    });
  });
}

mx::array Conv2d::tiles(const mx::array& x, const mx::Shape& shape, int scale, const Addends& added) const {
  return cpu_op(
      "conv2d", inputs_of(x, added), shape,
      [packed = packed_, c = TileConv{shape[0], shape[1], shape[2], in_, out_, scale}, per_row = added.row.has_value(),
       residual = added.residual.has_value()](const Inputs& in, Numbers out) {
        auto next = in.begin();
        const auto from = next_of(next, true), row = next_of(next, per_row), residual_numbers = next_of(next, residual);
        const TileMatrix w = packed->tiles->packed();
        if (!packed->geometry.pointwise()) return run_tile_conv(c, w, from, row, residual_numbers, out);
        TileProduct p{.w = w, .x = from, .width = c.in, .rows = c.batch * c.height * c.width};
        p.added = residual_numbers, p.per_picture = row, p.pixels = c.height * c.width, p.y = out;
        run_tile_product(p);
      });
}

mx::array Conv2d::winograd(const mx::array& x, const mx::Shape& convolved, int scale, const Addends& added) const {
  const auto shape = packed_->geometry.target(convolved, out_);
  return cpu_op(
      "conv2d winograd", inputs_of(x, added), shape,
      [packed = packed_, task = winograd_shape(convolved, shape, packed_->geometry, scale),
       per_row = added.row.has_value(), residual = added.residual.has_value()](const Inputs& in, Numbers out) {
        auto next = in.begin() + 1;
        ConvAddends add;
        add.row_bias = next_of(next, per_row);
        add.picture = next_of(next, residual);
        packed->winograd->run(task, in[0], add, out);
      });
}
#endif

mx::array conv2d_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias,
                           int stride, Padding padding) {
  const auto y = bare_conv2d(x, weight, {weight.shape(1), weight.shape(2), stride, padding});
  return bias ? y + *bias : y;
}

}  // namespace corepulse::kernels
