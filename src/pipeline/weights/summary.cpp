// What is in an adapter file, for people who have no model at hand.
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <set>

#include "corepulse/adapter.h"

#include "adapters/family.h"
#include "adapters/keys.h"
#include "io/tensors/safetensors.h"
#include "io/utf8.h"

namespace corepulse {
namespace {

using Slots = std::map<std::string, std::set<std::string_view>>;  // by layer, as the file spells it

const char* network_of(std::string_view layer) {
  for (const auto& [start, network] :
       {std::pair{"lora_te2_", "text_encoder_2"}, std::pair{"text_encoder_2.", "text_encoder_2"},
        std::pair{"lora_te", "text_encoder"}, std::pair{"text_encoder.", "text_encoder"}})
    if (layer.starts_with(start)) return network;
  return "unet";
}

/** What a layer's tensors make, by the first of these that it has. */
const char* kind_of(const std::set<std::string_view>& slots) {
  for (const auto& [slot, kind] :
       {std::pair{"dora_scale", "DoRA"}, std::pair{"magnitude", "DoRA"}, std::pair{"lora_down", "LoRA"},
        std::pair{"hada_w1_a", "LoHa"}, std::pair{"lokr_w1", "LoKr"}, std::pair{"lokr_w1_a", "LoKr"}})
    if (slots.contains(slot)) return kind;
  return "whole differences";
}

std::string ranks_text(const std::set<int64_t>& ranks) {
  if (ranks.empty()) return "";
  if (ranks.size() == 1) return fmt::format(", rank {}", *ranks.begin());
  return fmt::format(", rank {} to {}", *ranks.begin(), *ranks.rbegin());
}

}  // namespace

std::optional<AdapterSummary> inspect_adapter(const std::string& path) {
  const auto file = io::open_safetensors(path);
  AdapterSummary summary{.tensors = file.tensors.size(), .bytes = file.file_bytes, .metadata = file.metadata};
  Slots slots;
  std::set<std::string> styles, kinds;
  std::set<int64_t> ranks;
  for (const auto& [name, view] : file.tensors) {
    const auto key = adapters::split(name);
    if (!key) continue;
    slots[std::string(key->layer)].insert(key->slot);
    if (key->style) styles.insert(adapters::name(*key->style));
    if (key->slot == "lora_down" && !view.shape.empty()) ranks.insert(view.shape[0]);
  }
  for (const auto& [layer, of_layer] : slots) ++summary.layers[network_of(layer)], kinds.insert(kind_of(of_layer));
  if (styles.empty()) return {};
  summary.format = fmt::format("{} {}{}", fmt::join(styles, " and "), fmt::join(kinds, ", "), ranks_text(ranks));
  summary.family = adapters::family_told(file);
  return summary;
}

std::string to_text(const AdapterSummary& summary) {
  auto text = fmt::format("{}, for {}\n{:.1f} MB, {} tensors", summary.format,
                          summary.family.empty() ? "models that it does not name" : summary.family,
                          static_cast<double>(summary.bytes) / 1e6, summary.tensors);
  for (const auto& [network, count] : summary.layers) text += fmt::format(", {} layers of {}", count, network);
  text += "\n";
  constexpr size_t kMost = 200;
  for (const auto& [key, value] : summary.metadata)
    text += fmt::format("  {}: {}\n", io::printable(key, kMost), io::printable(value, kMost));
  return text;
}

std::string to_json(const AdapterSummary& summary) {
  const nlohmann::ordered_json json{{"format", summary.format}, {"family", summary.family},
                                    {"layers", summary.layers}, {"tensors", summary.tensors},
                                    {"bytes", summary.bytes},   {"metadata", summary.metadata}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace corepulse
