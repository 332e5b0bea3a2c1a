// GLoRA: W A + B, both of low rank. Its first files have the pairs the other way round.

#include <fmt/format.h>

#include "adapters/kinds.h"
#include "adapters/product.h"

namespace corepulse::adapters {
namespace {

/** strength * scale * (W a1 a2 + b1 b2); a1 [width, rank], a2 [rank, width], b1 [out, rank], b2 [rank, inputs]. */
class GloraDelta : public Delta {
 public:
  GloraDelta(Stored a1, Stored a2, Stored b1, Stored b2, std::optional<Stored> core, Sizes weight, int64_t width,
             float scale)
      : a1_(std::move(a1)),
        a2_(std::move(a2)),
        b1_(std::move(b1)),
        b2_(std::move(b2)),
        core_(std::move(core)),
        weight_(std::move(weight)),
        width_(width),
        scale_(scale) {}

  mx::array difference(const mx::array& original, float strength) const override {
    const auto out = weight_[0], inputs = product_of(weight_, 1), kernel = inputs / width_;
    const auto b1 = b1_.read(), b2 = b2_.read();
    const auto added = core_ ? tucker(core_->read(), b1, b2, out, weight_[1], product_of(weight_, 2))
                             : multiply(b1, b2, out, static_cast<int64_t>(b1.size()) / out, inputs);
    const auto a1 = a1_.read(), a2 = a2_.read();
    const auto rank = static_cast<int64_t>(a1.size()) / width_;
    const float* const from = original.data<float>();
    // Channels are mixed, each place of a kernel by itself: rows of channels, [out * kernel, width].
    std::vector<float> rows(from, from + out * inputs);
    if (kernel > 1)
      for (int64_t o = 0; o < out; ++o) {
        const auto turned = transposed({from + o * inputs, from + (o + 1) * inputs}, width_, kernel);
        std::copy(turned.begin(), turned.end(), rows.begin() + o * inputs);
      }
    const auto mixed = multiply(multiply(rows, a1, out * kernel, width_, rank), a2, out * kernel, rank, width_);
    auto result = fresh(original.shape());
    float* const to = result.data<float>();
    for (int64_t i = 0; i < out * inputs; ++i) {
      const auto o = i / inputs, channel = i % inputs / kernel, k = i % kernel;
      to[i] = strength * scale_ *
              (mixed[static_cast<size_t>((o * kernel + k) * width_ + channel)] + added[static_cast<size_t>(i)]);
    }
    return result;
  }

 private:
  Stored a1_, a2_, b1_, b2_;
  std::optional<Stored> core_;
  Sizes weight_;
  int64_t width_;
  float scale_;
};

/** Whether the tensor of a slot is [rows, columns], 0 being any. */
bool is(const Layer& layer, std::string_view slot, int64_t rows, int64_t columns) {
  const auto found = layer.parts.find(slot);
  if (found == layer.parts.end()) return false;
  const auto sizes = found->second.sizes();
  return sizes.size() == 2 && (!rows || sizes[0] == rows) && (!columns || sizes[1] == columns);
}

}  // namespace

DeltaPointer glora(Layer& layer) {
  const auto out = layer.weight[0], in = layer.weight[1], inputs = product_of(layer.weight, 1);
  const bool first_files = !is(layer, "a1", in, 0) && is(layer, "a1", 0, inputs) && is(layer, "b2", out, 0);
  if (first_files) {
    const auto& a2 = layer.need("a1", {0, inputs});
    const auto rank = a2.view.shape[0];
    const auto& a1 = layer.need("a2", {inputs, rank});
    const auto& b1 = layer.need("b2", {out, rank});
    const auto& b2 = layer.need_flat("b1", rank);
    return std::make_shared<GloraDelta>(a1, a2, b1, b2, std::nullopt, layer.weight, inputs, layer.scale(rank));
  }
  const auto& a1 = layer.need("a1", {in, 0});
  const auto rank = a1.view.shape[1];
  const auto& a2 = layer.need("a2", {rank, in});
  const auto& b1 = layer.need("b1", {out, rank});
  std::optional<Stored> core;
  if (layer.has("bm")) {
    Sizes sizes{rank, rank};
    sizes.insert(sizes.end(), layer.weight.begin() + 2, layer.weight.end());
    core = layer.need("bm", sizes);
  }
  const auto& b2 = core ? layer.need("b2", {rank, in}) : layer.need_flat("b2", rank);
  return std::make_shared<GloraDelta>(a1, a2, b1, b2, core, layer.weight, in, layer.scale(rank));
}

}  // namespace corepulse::adapters
