#include "adapters/kinds.h"

#include <fmt/format.h>

namespace corepulse::adapters {
namespace {

struct Kind {
  std::string_view slot;  ///< A layer that has it is of this kind.
  DeltaPointer (*make)(Layer& layer);
  bool any_rank = false;  ///< Also of what is no matrix and no convolution: norms.
};

constexpr Kind kKinds[] = {
    {"lora_down", lora},     {"lora_up", lora},
    {"hada_w1_a", loha},     {"hada_w1_b", loha},
    {"hada_w2_a", loha},     {"hada_w2_b", loha},
    {"lokr_w1", lokr},       {"lokr_w1_a", lokr},
    {"lokr_w2", lokr},       {"lokr_w2_a", lokr},
    {"a1", glora},           {"a2", glora},
    {"b1", glora},           {"b2", glora},
    {"oft_blocks", oft},     {"ia3_weight", ia3},
    {"oft_R", peft_oft},     {"boft_R", peft_boft},
    {"ia3_l", peft_ia3},     {"diff", whole, true},
    {"w_norm", whole, true}, {"set_weight", whole, true},
};

}  // namespace

DeltaPointer change_weight(Layer& layer, Dora how) {
  for (const auto& kind : kKinds) {
    if (!layer.has(kind.slot)) continue;
    if (layer.weight.empty() || (layer.weight.size() < 2 && !kind.any_rank))
      layer.parts.at(kind.slot).refuse("is for a matrix or a convolution, and the model's layer has none");
    auto delta = kind.make(layer);
    if (!layer.has("dora_scale") && !layer.has("magnitude")) return delta;
    if (layer.weight.size() < 2) layer.refuse("has a dora_scale beside it, and the model's layer has no matrix");
    return dora(layer, std::move(delta), how);
  }
  return nullptr;
}

DeltaPointer change_bias(Layer& layer) {
  if (layer.has("ia3_l")) return peft_ia3_bias(layer);
  for (const auto* slot : {"lora_up_bias", "diff_b", "b_norm"}) {
    if (!layer.has(slot)) continue;
    const auto& bias = layer.need(slot);
    if (layer.bias != bias.view.shape)
      bias.refuse(fmt::format("is {}; the layer's bias is {}", shown(bias.view.shape), shown(layer.bias)));
    layer.take("alpha");
    if (std::string_view(slot) != "lora_up_bias") return sum(bias);
    return sum(bias, layer.scale(layer.need("lora_down").view.shape[0]));
  }
  return nullptr;
}

}  // namespace corepulse::adapters
