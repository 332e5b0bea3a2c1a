// LoRA, LoCon: a product of two matrices, of a convolution with a small kernel in one of them or between them.

#include <algorithm>

#include "adapters/kinds.h"
#include "adapters/product.h"

namespace corepulse::adapters {
namespace {

class LoraDelta : public Delta {
 public:
  LoraDelta(const Stored& down, const Stored& up, float scale) : down_(down), up_(up), scale_(scale) {}

  mx::array difference(const mx::array& original, float strength) const override {
    auto result = fresh(original.shape());
    const auto down = down_.read(), up = up_.read();
    const auto rank = down_.view.shape[0];
    kernels::multiply(result.data<float>(), up.data(), down.data(), up_.view.shape[0], rank,
                      static_cast<int64_t>(down.size()) / rank, strength * scale_);
    return result;
  }

  std::optional<Factors> factors() const override {
    const auto of = [](const Stored& stored, float scale) {
      const auto numbers = stored.read();
      const auto sizes = stored.sizes();
      auto result = fresh({sizes.begin(), sizes.end()});
      std::transform(numbers.begin(), numbers.end(), result.data<float>(), [&](float x) { return x * scale; });
      return result;
    };
    return Factors{of(down_, 1), of(up_, scale_)};
  }
  int64_t rank() const override { return down_.view.shape[0]; }

 private:
  Stored down_, up_;
  float scale_;
};

/** LoCon's second form: 1x1, k x k, 1x1. */
class TuckerDelta : public Delta {
 public:
  TuckerDelta(const Stored& down, const Stored& mid, const Stored& up, float scale)
      : down_(down), mid_(mid), up_(up), scale_(scale) {}

  mx::array difference(const mx::array& original, float strength) const override {
    auto result = fresh(original.shape());
    const auto whole = tucker(mid_.read(), up_.read(), down_.read(), up_.view.shape[0], down_.view.shape[1],
                              product_of(mid_.view.shape, 2));
    std::transform(whole.begin(), whole.end(), result.data<float>(), [&](float x) { return x * strength * scale_; });
    return result;
  }

 private:
  Stored down_, mid_, up_;
  float scale_;
};

}  // namespace

DeltaPointer lora(Layer& layer) {
  const auto out = layer.weight[0];
  if (layer.has("lora_mid")) {
    const auto& down = layer.need("lora_down", {0, layer.weight[1]});
    const auto rank = down.view.shape[0];
    const auto& up = layer.need("lora_up", {out, 0});
    Sizes core{up.view.shape[1], rank};
    core.insert(core.end(), layer.weight.begin() + 2, layer.weight.end());
    const auto& mid = layer.need("lora_mid", core);
    return std::make_shared<TuckerDelta>(down, mid, up, layer.scale(rank));
  }
  Sizes inputs = layer.inputs();
  inputs.insert(inputs.begin(), 0);
  const auto& down = layer.need("lora_down", inputs);
  const auto rank = down.view.shape[0];
  const auto& up = layer.need("lora_up", {out, rank});
  return std::make_shared<LoraDelta>(down, up, layer.scale(rank));
}

}  // namespace corepulse::adapters
