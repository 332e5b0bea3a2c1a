#include "adapters/format.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <vector>

namespace corepulse::adapters {
namespace {

using Slots = std::map<std::string_view, Sizes>;

int64_t size_of(const Slots& layer, std::string_view slot, size_t axis) {
  const auto found = layer.find(slot);
  return found == layer.end() || found->second.size() <= axis ? 0 : found->second[axis];
}

/** What a layer's tensors make; "" if they change no weight. */
std::string_view kind_of(const Slots& layer) {
  const auto has = [&](std::string_view slot) { return layer.contains(slot); };
  if (has("lora_down") || has("lora_up")) {
    const bool kernel = has("lora_mid") || (has("lora_down") && squeezed(layer.at("lora_down")).size() > 2);
    return kernel ? "LoCon" : "LoRA";
  }
  if (has("hada_w1_a")) return "LoHa";
  if (has("lokr_w1") || has("lokr_w1_a")) return "LoKr";
  if (has("a1")) return "GLoRA";
  if (has("oft_blocks")) return layer.at("oft_blocks").size() == 4 ? "BOFT" : "OFT";
  if (has("oft_R")) return "OFT";
  if (has("boft_R")) return "BOFT";
  if (has("on_input") || has("ia3_l")) return "IA3";
  if (has("set_weight")) return "weights that replace the model's";
  if (has("w_norm")) return "norms";
  return has("diff") ? "full differences" : "";
}

int64_t rank_of(const Slots& layer) {
  for (const auto* slot : {"lora_down", "hada_w1_b", "lokr_w1_b", "lokr_w2_b"})
    if (layer.contains(slot)) return size_of(layer, slot, 0);
  return std::min(size_of(layer, "a1", 0), size_of(layer, "a1", 1));  // GLoRA has it either way round
}

}  // namespace

void Format::add(const Slots& layer) {
  const auto kind = kind_of(layer);
  if (kind.empty()) return;
  kinds_.insert(kind);
  dora_ |= layer.contains("dora_scale") || layer.contains("magnitude");
  if (const auto rank = rank_of(layer)) ranks_.insert(rank);
}

std::string Format::text() const {
  std::vector<std::string> styles;
  for (const auto style : styles_)  // LyCORIS has kohya's names for what kohya's trainer has
    if (style != Style::kohya || !styles_.contains(Style::lycoris)) styles.emplace_back(name(style));
  auto kinds = fmt::format("{}", fmt::join(kinds_, ", "));
  if (dora_) kinds = "DoRA (" + kinds + ")";
  auto text = styles.empty() ? kinds : fmt::format("{} {}", fmt::join(styles, " and "), kinds);
  if (ranks_.empty()) return text;
  text += fmt::format(", rank {}", *ranks_.begin());
  return ranks_.size() == 1 ? text : text + fmt::format(" to {}", *ranks_.rbegin());
}

}  // namespace corepulse::adapters
