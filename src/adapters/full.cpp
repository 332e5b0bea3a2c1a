// Differences that are stored as they are, without factors.

#include <algorithm>

#include "adapters/kinds.h"
#include "adapters/product.h"

namespace corepulse::adapters {
namespace {

class SumDelta : public Delta {
 public:
  SumDelta(const Stored& stored, float factor) : stored_(stored), factor_(factor) {}

  mx::array difference(const mx::array& original, float strength) const override {
    auto result = fresh(original.shape());
    const auto numbers = stored_.read();
    std::transform(numbers.begin(), numbers.end(), result.data<float>(),
                   [&](float x) { return x * strength * factor_; });
    return result;
  }

 private:
  Stored stored_;
  float factor_;
};

/** strength * (the tensor - the original). */
class SetDelta : public Delta {
 public:
  explicit SetDelta(const Stored& stored) : stored_(stored) {}

  mx::array difference(const mx::array& original, float strength) const override {
    auto result = fresh(original.shape());
    const auto numbers = stored_.read();
    std::transform(numbers.begin(), numbers.end(), original.data<float>(), result.data<float>(),
                   [&](float to, float from) { return strength * (to - from); });
    return result;
  }

 private:
  Stored stored_;
};

}  // namespace

DeltaPointer whole(Layer& layer) {
  layer.take("alpha");  // some trainers write one to every layer; no difference is divided by it
  if (layer.has("set_weight")) return std::make_shared<SetDelta>(layer.need("set_weight", layer.weight));
  return sum(layer.need(layer.has("w_norm") ? "w_norm" : "diff", layer.weight));
}

DeltaPointer sum(const Stored& stored, float factor) {
  return std::make_shared<SumDelta>(stored, factor);
}

}  // namespace corepulse::adapters
