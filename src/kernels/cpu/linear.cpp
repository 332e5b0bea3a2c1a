#include <algorithm>
#include <optional>

#include "kernels/amx/attention.h"
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

/** What an operation is given: x, the shares of what is thin, and last what is added. */
std::vector<mx::array> inputs_of(const mx::array& x, const std::optional<mx::array>& added, const ThinList& thin = {}) {
  std::vector<mx::array> inputs{x};
  for (const auto& one : thin) inputs.push_back(one.share);
  if (added) inputs.push_back(*added);
  return inputs;
}

ConstNumbers added_of(const Inputs& in, size_t thin = 0) {
  return in.size() > 1 + thin ? in[1 + thin] : ConstNumbers();
}

bool all_on_tiles(const ThinList& thin, const mx::array& x) {
  return std::all_of(thin.begin(), thin.end(),
                     [&](const ThinWeights& t) { return t.down && t.down->on_tiles(x) && t.up->on_tiles(x); });
}

bool all_by_product(const ThinList& thin, const mx::array& x) {
  return std::all_of(thin.begin(), thin.end(),
                     [&](const ThinWeights& t) { return t.down && t.down->by_product(x) && t.up->by_product(x); });
}

/** With the shares where an operation's inputs have them. @param from how many shares of others come before. */
std::vector<TileThin> thin_on_tiles(const ThinList& thin, const Inputs& in, size_t from = 0) {
  std::vector<TileThin> all;
  for (const auto& [down, up, share] : thin)
    all.push_back(
        {down->tiles->packed(), up->tiles->packed(), in[1 + from + all.size()], static_cast<int64_t>(share.size())});
  return all;
}

std::vector<PackedThin> thin_by_product(const ThinList& thin, const Inputs& in, size_t from = 0) {
  std::vector<PackedThin> all;
  for (const auto& [down, up, share] : thin)
    all.push_back({down->product->packed(), up->product->packed(), in[1 + from + all.size()],
                   static_cast<int64_t>(share.size())});
  return all;
}

/** The matrix of a product that has nothing but what is thin: no weights. */
TileMatrix thin_alone(const TileThin& thin) {
  return {nullptr, nullptr, thin.up.out, thin.down.in, thin.up.split};
}
PackedMatrix thin_alone(const PackedThin& thin) {
  return {{}, nullptr, nullptr, thin.up.out, thin.down.in};
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
                           const std::optional<mx::array>& added, const ThinList& thin1, const ThinList& thin2) {
  auto thin = thin1;
  thin.insert(thin.end(), thin2.begin(), thin2.end());
  return cpu_op("gated linear", inputs_of(x, added, thin), with_width(x.shape(), second->out),
                [first, second, thin1, thin2, rows = first->rows(x)](const Inputs& in, Numbers out) {
                  const size_t before = thin1.size();
                  run_gated_product(in[0], rows, first->product->packed(), second->product->packed(),
                                    added_of(in, before + thin2.size()), out, thin_by_product(thin1, in),
                                    thin_by_product(thin2, in, before));
                });
}

mx::array gated_on_tiles(const SharedLinear& first, const SharedLinear& second, const mx::array& x,
                         const std::optional<mx::array>& added, const ThinList& thin1, const ThinList& thin2) {
  const int64_t rows = first->rows(x);
  const auto wide = cpu_op("gated linear", inputs_of(x, {}, thin1), with_width(x.shape(), second->in),
                           [first, rows, thin1](const Inputs& in, Numbers out) {
                             TileProduct p{.w = first->tiles->packed(), .rows = rows, .gated = true};
                             p.thin = thin_on_tiles(thin1, in);
                             run_on_tiles(std::move(p), in[0], {}, static_cast<BFloat16*>(out.data()));
                           });
  return cpu_op("linear", inputs_of(wide, added, thin2), with_width(x.shape(), second->out),
                [second, rows, thin2](const Inputs& in, Numbers out) {
                  TileProduct p{.w = second->tiles->packed(), .rows = rows, .thin = thin_on_tiles(thin2, in)};
                  run_on_tiles(std::move(p), static_cast<const BFloat16*>(in[0].data()), added_of(in, thin2.size()),
                               out);
                });
}

/** In one operation; nothing, where one of the matrices is not of the kind that the others are. */
std::optional<mx::array> linear_at_once(const SharedLinear& w, const mx::array& x,
                                        const std::optional<mx::array>& added, const ThinList& thin) {
  const auto& like = w ? w : thin.front().up;
  if (like->on_tiles(x) && all_on_tiles(thin, x))
    return cpu_op("linear", inputs_of(x, added, thin), with_width(x.shape(), like->out),
                  [w, thin, rows = static_cast<int64_t>(x.size()) / x.shape(-1)](const Inputs& in, Numbers out) {
                    TileProduct p{.rows = rows, .thin = thin_on_tiles(thin, in)};
                    p.w = w ? w->tiles->packed() : thin_alone(p.thin.front());
                    run_on_tiles(std::move(p), in[0], added_of(in, thin.size()), out);
                  });
  if (like->by_product(x) && all_by_product(thin, x))
    return cpu_op("linear", inputs_of(x, added, thin), with_width(x.shape(), like->out),
                  [w, thin, rows = static_cast<int64_t>(x.size()) / x.shape(-1)](const Inputs& in, Numbers out) {
                    const auto packed = thin_by_product(thin, in);
                    run_product(in[0], rows, w ? w->product->packed() : thin_alone(packed.front()),
                                added_of(in, thin.size()), out, {}, packed);
                  });
  return {};
}

}  // namespace

SharedLinear linear_weights(const std::shared_ptr<PlainWeights>& plain) {
  return std::make_shared<LinearWeights>(plain);
}

int thin_step(mx::Dtype dtype) {
  return has_tiles() && (dtype == mx::float32 || dtype == mx::bfloat16) ? 32 : 1;
}

std::optional<mx::array> linear(const SharedLinear& w, const mx::array& x, const std::optional<mx::array>& added,
                                const ThinList& thin) {
  if (!use_cpu_kernels(x) || (!w && thin.empty())) return {};
  if (const auto y = linear_at_once(w, x, added, thin)) return y;
  if (!w) return {};
  if (!thin.empty()) {
    const auto y = linear(w, x, added);
    return y ? linear(nullptr, x, y, thin) : std::nullopt;
  }
  if (!w->onednn) return {};
  const auto y = by_onednn(w, x);
  return added ? sum_of(y, *added) : y;
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
                                      const std::optional<mx::array>& added, const ThinList& thin1,
                                      const ThinList& thin2) {
  if (!use_cpu_kernels(x) || first->out != 2 * second->in) return {};
  if (first->by_product(x) && second->by_product(x) && second->in % product_block() == 0 && all_by_product(thin1, x) &&
      all_by_product(thin2, x))
    return gated_by_product(first, second, x, added, thin1, thin2);
  if (first->on_tiles(x) && second->on_tiles(x) && all_on_tiles(thin1, x) && all_on_tiles(thin2, x))
    return gated_on_tiles(first, second, x, added, thin1, thin2);
  return {};
}

}  // namespace corepulse::kernels::cpu
