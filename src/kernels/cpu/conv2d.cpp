#include <optional>

#include "kernels/amx/product.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/patches.h"
#include "kernels/cpu/primitive.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/winograd.h"
#include "kernels/device.h"

namespace corepulse::kernels::cpu {
namespace {

using Format = dnnl::memory::format_tag;

// oneDNN names dimensions in the order N, C, H, W however they lie in memory.
dnnl::memory::desc pixels(const mx::Shape& s, dnnl::memory::data_type type) {
  return {{s[0], s[3], s[1], s[2]}, type, Format::nhwc};
}

// A pointwise convolution is a matrix product, whose packing serves every size of x; oneDNN's 1x1 convolution
// wants another one for nearly every size.
dnnl::memory::desc layout(const PlainWeights& weight, const ConvGeometry& g) {
  const auto& w = weight.shape();
  const auto type = onednn_type(weight.dtype());
  if (g.pointwise()) return {{w[0], w[3]}, type, Format::ab};
  return {{w[0], w[3], w[1], w[2]}, type, Format::ohwi};
}

dnnl::primitive_desc describe(const mx::Shape& source, const mx::Shape& target, const ConvGeometry& g, bool bias,
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

bool tiles_fit(const PlainWeights& weights, const ConvGeometry& g) {
  const auto& p = g.padding;
  const bool bordered =
      g.kh == 3 && g.kw == 3 && g.stride == 1 && p.top == 1 && p.bottom == 1 && p.left == 1 && p.right == 1;
  return (bordered || g.pointwise()) && tile_product_fits(weights);
}

}  // namespace

/**
 * On AMX's tiles where it fits; else 3x3 kernels in float32 by Winograd's algorithm, others by oneDNN, or as products
 * of patches where that has no kernels.
 */
class ConvWeights {
 public:
  ConvWeights(const std::shared_ptr<PlainWeights>& plain, const ConvGeometry& g)
      : geometry(g), in(plain->shape(3)), has_bias(plain->has_bias()) {
    if (tiles_fit(*plain, g))
      tiles.emplace(plain);
    else if (winograd_fits(plain->shape(), g.stride) && plain->dtype() != mx::bfloat16)
      winograd.emplace(plain);
    else if (!kHasOnednnKernels && plain->dtype() != mx::bfloat16)
      product.emplace(plain);
    else
      onednn.emplace(plain, layout(*plain, g));
  }

  bool on_tiles(const mx::array& x) const { return tiles && x.dtype() == tiles->dtype(); }

  const ConvGeometry geometry;
  const int in;
  const bool has_bias;
  std::optional<TileWeights> tiles;
  std::optional<WinogradWeights> winograd;
  std::optional<ProductWeights> product;
  std::optional<OnednnWeights> onednn;
};

namespace {

/** What is added as the result is stored. */
struct Added {
  std::optional<mx::array> per_row, residual;

  std::vector<mx::array> inputs_with(const mx::array& x) const {
    std::vector<mx::array> inputs{x};
    if (per_row) inputs.push_back(*per_row);
    if (residual) inputs.push_back(*residual);
    return inputs;
  }
};

/** The array at `in`, after which the next one is read; null if there is none. */
ConstNumbers next_of(Inputs::const_iterator& in, bool there) {
  return there ? *in++ : ConstNumbers();
}

mx::array by_onednn(const SharedConv& w, const mx::array& x, const mx::Shape& shape) {
  return cpu_op("conv2d", {x}, shape, [w, from = x.shape(), to = shape](const Inputs& in, Numbers out) {
    w->onednn->run(in[0], out, {from[0], from[1], from[2]}, [&](const dnnl::memory::desc& weights) {
      return describe(from, to, w->geometry, w->has_bias, weights);
    });
  });
}

mx::array by_patches(const SharedConv& w, const mx::array& x, const mx::Shape& shape) {
  const PatchShape task{x.shape(0), x.shape(1), x.shape(2), x.shape(3), shape[1], shape[2]};
  return cpu_op("conv2d patches", {x}, shape, [w, task](const Inputs& in, Numbers out) {
    run_patches(task, w->geometry, in[0], w->product->packed(), out);
  });
}

mx::array with_added(mx::array y, const Added& added) {
  if (added.per_row) y = sum_of(y, mx::expand_dims(*added.per_row, {1, 2}));
  if (added.residual) y = sum_of(y, *added.residual);
  return y;
}

mx::array on_tiles(const SharedConv& w, const mx::array& x, const mx::Shape& shape, int scale, const Added& added) {
  return cpu_op(
      "conv2d", added.inputs_with(x), shape,
      [w, c = TileConv{shape[0], shape[1], shape[2], w->in, shape[3], scale}, per_row = added.per_row.has_value(),
       residual = added.residual.has_value()](const Inputs& in, Numbers out) {
        auto next = in.begin();
        const auto from = next_of(next, true), row = next_of(next, per_row), residual_numbers = next_of(next, residual);
        const TileMatrix packed = w->tiles->packed();
        if (!w->geometry.pointwise()) return run_tile_conv(c, packed, from, row, residual_numbers, out);
        TileProduct p{.w = packed, .x = from, .width = c.in, .rows = c.batch * c.height * c.width};
        p.added = residual_numbers, p.per_row = row, p.pixels = c.height * c.width, p.y = out;
        run_tile_product(p);
      });
}

/** Of an array [B, H, W, in] whose every `scale`-th pixel x has. */
mx::array by_winograd(const SharedConv& w, const mx::array& x, const mx::Shape& from, const mx::Shape& to, int scale,
                      const Added& added) {
  const auto& padding = w->geometry.padding;
  const WinogradShape task{from[0], from[1], from[2], from[3], to[1], to[2], to[3], padding.top, padding.left, scale};
  return cpu_op("conv2d winograd", added.inputs_with(x), to,
                [w, task, per_row = added.per_row.has_value(), residual = added.residual.has_value()](const Inputs& in,
                                                                                                      Numbers out) {
                  auto next = in.begin() + 1;
                  ConvAddends add;
                  add.row_bias = next_of(next, per_row);
                  add.residual = next_of(next, residual);
                  w->winograd->run(task, in[0], add, out);
                });
}

}  // namespace

SharedConv conv_weights(const std::shared_ptr<PlainWeights>& plain, const ConvGeometry& geometry) {
  return std::make_shared<ConvWeights>(plain, geometry);
}

std::optional<mx::array> conv2d(const SharedConv& w, const mx::array& x, const mx::Shape& shape,
                                const std::optional<mx::array>& per_row, const std::optional<mx::array>& residual) {
  if (!use_cpu_kernels(x)) return {};
  if (w->on_tiles(x)) return on_tiles(w, x, shape, 1, {per_row, residual});
  if (w->winograd) return by_winograd(w, x, x.shape(), shape, 1, {per_row, residual});
  if (w->product && x.dtype() == mx::float32) return with_added(by_patches(w, x, shape), {per_row, residual});
  if (w->onednn) return with_added(by_onednn(w, x, shape), {per_row, residual});
  return {};
}

std::optional<mx::array> upsampled_conv2d(const SharedConv& w, const mx::array& x, const mx::Shape& enlarged,
                                          const mx::Shape& shape) {
  if (!use_cpu_kernels(x)) return {};
  if (w->winograd) return by_winograd(w, x, enlarged, shape, 2, {});
  if (w->on_tiles(x) && !w->geometry.pointwise()) return on_tiles(w, x, shape, 2, {});
  return {};
}

}  // namespace corepulse::kernels::cpu
