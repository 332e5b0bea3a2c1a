// LoHa: the elementwise product of two products, each maybe with a core (CP decomposition).

#include "adapters/kinds.h"
#include "adapters/product.h"

namespace corepulse::adapters {
namespace {

/** One of the two products. Without a core: a [out, rank], b [rank, in * k * k]. With one: a [rank, out], b [rank, in],
 * core [rank, rank, k, k]. */
struct Half {
  Stored a, b;
  std::optional<Stored> core;

  std::vector<float> whole(int64_t out, int64_t inputs) const {
    const auto left = a.read(), right = b.read();
    const auto rank = static_cast<int64_t>(left.size()) / out;
    if (!core) return multiply(left, right, out, rank, inputs);
    const auto in = b.view.shape[1];
    return tucker(core->read(), transposed(left, rank, out), right, out, in, inputs / in);
  }
};

class LohaDelta : public Delta {
 public:
  LohaDelta(Half one, Half two, int64_t out, int64_t inputs, float scale)
      : one_(std::move(one)), two_(std::move(two)), out_(out), inputs_(inputs), scale_(scale) {}

  mx::array difference(const mx::array& original, float strength) const override {
    const auto one = one_.whole(out_, inputs_), two = two_.whole(out_, inputs_);
    auto result = fresh(original.shape());
    float* const to = result.data<float>();
    for (size_t i = 0; i < one.size(); ++i) to[i] = strength * scale_ * one[i] * two[i];
    return result;
  }

 private:
  Half one_, two_;
  int64_t out_, inputs_;
  float scale_;
};

struct Slots {
  const char *a, *b, *core;
};

Half half(Layer& layer, const Slots& slots) {
  const auto out = layer.weight[0];
  if (layer.has(slots.core)) {
    const auto& a = layer.need(slots.a, {0, out});
    const auto& b = layer.need(slots.b, {0, layer.weight[1]});
    Sizes core{a.view.shape[0], b.view.shape[0]};
    core.insert(core.end(), layer.weight.begin() + 2, layer.weight.end());
    return {a, b, layer.need(slots.core, core)};
  }
  const auto& a = layer.need(slots.a, {out, 0});
  return {a, layer.need_flat(slots.b, a.view.shape[1]), {}};
}

}  // namespace

DeltaPointer loha(Layer& layer) {
  auto one = half(layer, {"hada_w1_a", "hada_w1_b", "hada_t1"}),
       two = half(layer, {"hada_w2_a", "hada_w2_b", "hada_t2"});
  // The rank that alpha is divided by is the first product's: rows of w1_b.
  const auto scale = layer.scale(one.b.view.shape[0]);
  return std::make_shared<LohaDelta>(std::move(one), std::move(two), layer.weight[0], product_of(layer.weight, 1),
                                     scale);
}

}  // namespace corepulse::adapters
