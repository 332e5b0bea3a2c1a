#include <optional>

#include "kernels/amx/product.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/primitive.h"
#include "kernels/cpu/product.h"
#include "kernels/device.h"

namespace corepulse::kernels::cpu {

/** On AMX's tiles where it fits; else float32 by the own product, bfloat16 by oneDNN's. */
class LinearWeights {
 public:
  explicit LinearWeights(const std::shared_ptr<PlainWeights>& plain)
      : out(plain->shape(0)), in(plain->shape(1)), has_bias(plain->has_bias()) {
    if (tile_product_fits(*plain))
      tiles.emplace(plain);
    else if (plain->dtype() == mx::bfloat16)
      onednn.emplace(plain, dnnl::memory::desc({out, in}, onednn_type(plain->dtype()), dnnl::memory::format_tag::ab));
    else
      product.emplace(plain);
  }

  bool on_tiles(const mx::array& x) const { return tiles && x.dtype() == tiles->dtype(); }
  bool by_product(const mx::array& x) const { return product && x.dtype() == mx::float32; }
  int64_t rows(const mx::array& x) const { return static_cast<int64_t>(x.size()) / in; }

  const int out, in;
  const bool has_bias;
  std::optional<ProductWeights> product;
  std::optional<TileWeights> tiles;
  std::optional<OnednnWeights> onednn;
};

namespace {

mx::Shape with_width(mx::Shape shape, int width) {
  shape.back() = width;
  return shape;
}

std::vector<mx::array> inputs_of(const mx::array& x, const std::optional<mx::array>& added) {
  return added ? std::vector{x, *added} : std::vector{x};
}

ConstNumbers added_of(const Inputs& in) {
  return in.size() > 1 ? in[1] : ConstNumbers();
}

// y or x of bfloat16 holds float32 numbers that are split.
void run_on_tiles(TileProduct p, ConstNumbers x, ConstNumbers added, Numbers y) {
  p.width = p.w.in;
  p.x = x, p.added = added, p.y = y;
  run_tile_product(p);
}

mx::array by_onednn(const SharedLinear& w, const mx::array& x) {
  return cpu_op("linear", {x}, with_width(x.shape(), w->out), [w, rows = w->rows(x)](const Inputs& in, Numbers out) {
    w->onednn->run(in[0], out, {rows},
                   [&](const dnnl::memory::desc& weights) { return describe_product(rows, w->has_bias, weights); });
  });
}

mx::array gated_by_product(const SharedLinear& first, const SharedLinear& second, const mx::array& x,
                           const std::optional<mx::array>& added) {
  return cpu_op("gated linear", inputs_of(x, added), with_width(x.shape(), second->out),
                [first, second, rows = first->rows(x)](const Inputs& in, Numbers out) {
                  run_gated_product(in[0], rows, first->product->packed(), second->product->packed(), added_of(in),
                                    out);
                });
}

mx::array gated_on_tiles(const SharedLinear& first, const SharedLinear& second, const mx::array& x,
                         const std::optional<mx::array>& added) {
  const int64_t rows = first->rows(x);
  const auto wide =
      cpu_op("gated linear", {x}, with_width(x.shape(), second->in), [first, rows](const Inputs& in, Numbers out) {
        run_on_tiles({.w = first->tiles->packed(), .rows = rows, .gated = true}, in[0], {},
                     static_cast<BFloat16*>(out.data()));
      });
  return cpu_op("linear", inputs_of(wide, added), with_width(x.shape(), second->out),
                [second, rows](const Inputs& in, Numbers out) {
                  run_on_tiles({.w = second->tiles->packed(), .rows = rows}, static_cast<const BFloat16*>(in[0].data()),
                               added_of(in), out);
                });
}

}  // namespace

SharedLinear linear_weights(const std::shared_ptr<PlainWeights>& plain) {
  return std::make_shared<LinearWeights>(plain);
}

std::optional<mx::array> linear(const SharedLinear& w, const mx::array& x, const std::optional<mx::array>& added) {
  if (!use_cpu_kernels(x)) return {};
  if (w->on_tiles(x))
    return cpu_op("linear", inputs_of(x, added), with_width(x.shape(), w->out),
                  [w, rows = w->rows(x)](const Inputs& in, Numbers out) {
                    run_on_tiles({.w = w->tiles->packed(), .rows = rows}, in[0], added_of(in), out);
                  });
  if (w->onednn) {
    const auto y = by_onednn(w, x);
    return added ? sum_of(y, *added) : y;
  }
  if (w->by_product(x))
    return cpu_op("linear", inputs_of(x, added), with_width(x.shape(), w->out),
                  [w, rows = w->rows(x)](const Inputs& in, Numbers out) {
                    run_product(in[0], rows, w->product->packed(), added_of(in), out);
                  });
  return {};
}

std::optional<mx::array> joined_linear(const SharedLinear& w, const mx::array& x, const mx::array& skip) {
  if (!use_cpu_kernels(x) || skip.dtype() != x.dtype() || x.size() == 0 || skip.size() == 0) return {};
  const int64_t width = x.shape(-1), ends = skip.shape(-1);
  if (!w->by_product(x) && !(w->on_tiles(x) && width % 32 == 0 && ends % 32 == 0)) return {};
  check_shape(skip, with_width(x.shape(), w->in - x.shape(-1)), "linear");
  return cpu_op("linear", {x, skip}, with_width(x.shape(), w->out),
                [w, rows = static_cast<int64_t>(x.size()) / width, ends](const Inputs& in, Numbers out) {
                  if (w->product) return run_product(in[0], rows, w->product->packed(), nullptr, out, {in[1], ends});
                  run_on_tiles({.w = w->tiles->packed(), .rows = rows, .ends = in[1], .ends_width = ends}, in[0], {},
                               out);
                });
}

std::optional<mx::array> gated_linear(const SharedLinear& first, const SharedLinear& second, const mx::array& x,
                                      const std::optional<mx::array>& added) {
  if (!use_cpu_kernels(x) || first->out != 2 * second->in) return {};
  if (first->by_product(x) && second->by_product(x) && second->in % product_block() == 0)
    return gated_by_product(first, second, x, added);
  if (first->on_tiles(x) && second->on_tiles(x)) return gated_on_tiles(first, second, x, added);
  return {};
}

}  // namespace corepulse::kernels::cpu
