#include "adapters/keys.h"

namespace corepulse::adapters {
namespace {

struct Ending {
  std::string_view text, slot;
  std::optional<Style> style;
};

constexpr Ending kEndings[] = {
    {".lora_down.weight", "lora_down", Style::kohya},
    {".lora_up.weight", "lora_up", Style::kohya},
    {".lora_mid.weight", "lora_mid", Style::lycoris},
    {".alpha", "alpha", {}},
    {".dora_scale", "dora_scale", {}},
    {".hada_w1_a", "hada_w1_a", Style::lycoris},
    {".hada_w1_b", "hada_w1_b", Style::lycoris},
    {".hada_w2_a", "hada_w2_a", Style::lycoris},
    {".hada_w2_b", "hada_w2_b", Style::lycoris},
    {".hada_t1", "hada_t1", Style::lycoris},
    {".hada_t2", "hada_t2", Style::lycoris},
    {".lokr_w1", "lokr_w1", Style::lycoris},
    {".lokr_w1_a", "lokr_w1_a", Style::lycoris},
    {".lokr_w1_b", "lokr_w1_b", Style::lycoris},
    {".lokr_w2", "lokr_w2", Style::lycoris},
    {".lokr_w2_a", "lokr_w2_a", Style::lycoris},
    {".lokr_w2_b", "lokr_w2_b", Style::lycoris},
    {".lokr_t2", "lokr_t2", Style::lycoris},
    {".diff", "diff", Style::lycoris},
    {".diff_b", "diff_b", Style::lycoris},
    {".w_norm", "w_norm", Style::lycoris},
    {".b_norm", "b_norm", Style::lycoris},
    {".set_weight", "set_weight", {}},
    {".a1.weight", "a1", Style::lycoris},
    {".a2.weight", "a2", Style::lycoris},
    {".b1.weight", "b1", Style::lycoris},
    {".b2.weight", "b2", Style::lycoris},
    {".bm.weight", "bm", Style::lycoris},
    {".oft_blocks", "oft_blocks", Style::lycoris},
    {".rescale", "rescale", Style::lycoris},
    {".on_input", "on_input", Style::lycoris},
    // PEFT's adapter name stands between: see with_adapter_name.
    {".lora_A.weight", "lora_down", Style::peft},
    {".lora_B.weight", "lora_up", Style::peft},
    {".lora_B.bias", "lora_up_bias", Style::peft},
    {".lora_A", "lora_down", Style::peft},
    {".lora_B", "lora_up", Style::peft},
    {".lora_magnitude_vector.weight", "magnitude", Style::peft},
    {".lora_magnitude_vector", "magnitude", Style::peft},
    {".oft_R.weight", "oft_R", Style::peft},
    {".boft_R", "boft_R", Style::peft},
    {".boft_s", "boft_s", Style::peft},
    {".ia3_l", "ia3_l", Style::peft},
    // Diffusers before PEFT: of attention processors, of layers, of text encoders.
    {"_lora.down.weight", "lora_down", Style::diffusers},
    {"_lora.up.weight", "lora_up", Style::diffusers},
    {".lora.down.weight", "lora_down", Style::diffusers},
    {".lora.up.weight", "lora_up", Style::diffusers},
    {".lora_linear_layer.down.weight", "lora_down", Style::diffusers},
    {".lora_linear_layer.up.weight", "lora_up", Style::diffusers},
};

struct Foreign {
  std::string_view part, kind;
};

constexpr Foreign kForeign[] = {
    {".oft_embedding_R", "PEFT's OFT of an embedding table"},
    {".vera_lambda", "VeRA"},
    {".hra_u", "HRA"},
    {".lora_embedding_", "PEFT's LoRA of an embedding table"},
    {".trainable_tokens_delta", "PEFT's trainable tokens"},
    {".reshape_weight", "a LoRA that gives a layer another shape"},
    {"lora_controlnet", "a ControlNet stored as a LoRA"},
    {"bundle_emb.", "a LoRA with embeddings bundled in"},
};

/** ".lora_A.NAME.weight" -> ".lora_A.weight"; PEFT's names have no dots. */
std::optional<Key> with_adapter_name(std::string_view key) {
  for (const auto& ending : kEndings) {
    if (ending.style != Style::peft) continue;
    const auto dot = ending.text.rfind('.');
    if (dot == 0) continue;
    const auto stem = ending.text.substr(0, dot + 1), leaf = ending.text.substr(dot);
    const auto at = key.rfind(stem);
    if (at == key.npos || at == 0 || !key.ends_with(leaf)) continue;
    const auto begin = at + stem.size();
    if (key.size() < begin + leaf.size() + 1) continue;
    const auto adapter = key.substr(begin, key.size() - leaf.size() - begin);
    if (adapter.find('.') == adapter.npos) return Key{key.substr(0, at), ending.slot, ending.style};
  }
  return {};
}

}  // namespace

const char* name(Style style) noexcept {
  constexpr const char* names[] = {"kohya", "PEFT", "Diffusers", "LyCORIS"};
  return names[static_cast<int>(style)];
}

std::optional<Key> split(std::string_view key) {
  for (const auto& ending : kEndings)
    if (key.size() > ending.text.size() && key.ends_with(ending.text))
      return Key{key.substr(0, key.size() - ending.text.size()), ending.slot, ending.style};
  if (const auto found = with_adapter_name(key)) return found;
  // A layer's own ".weight" is IA3's, whose layers have an on_input, too.
  constexpr std::string_view kWeight = ".weight";
  if (key.size() <= kWeight.size() || !key.ends_with(kWeight)) return {};
  return Key{key.substr(0, key.size() - kWeight.size()), "ia3_weight", {}};
}

std::string_view foreign_kind(std::string_view key) {
  for (const auto& [part, kind] : kForeign)
    if (key.find(part) != key.npos) return kind;
  return {};
}

}  // namespace corepulse::adapters
