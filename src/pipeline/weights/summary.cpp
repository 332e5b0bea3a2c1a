// What is in an adapter file, for people who have no model at hand.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "corepulse/adapter.h"

#include "adapters/family.h"
#include "adapters/format.h"
#include "adapters/keys.h"
#include "io/tensors/safetensors.h"
#include "io/utf8.h"

namespace corepulse {
namespace {

const char* network_of(std::string_view layer) {
  for (const auto& [start, network] :
       {std::pair{"lora_te2_", "text_encoder_2"}, std::pair{"text_encoder_2.", "text_encoder_2"},
        std::pair{"lora_te", "text_encoder"}, std::pair{"text_encoder.", "text_encoder"}})
    if (layer.starts_with(start)) return network;
  return "unet";
}

}  // namespace

std::optional<AdapterSummary> inspect_adapter(const std::string& path) {
  const auto file = io::open_safetensors(path);
  AdapterSummary summary{.tensors = file.tensors.size(), .bytes = file.file_bytes, .metadata = file.metadata};
  std::map<std::string, std::map<std::string_view, adapters::Sizes>> layers;  // as the file spells them
  adapters::Format format;
  bool adapter = false;
  for (const auto& [name, view] : file.tensors) {
    const auto key = adapters::split(name);
    if (!key) continue;
    layers[std::string(key->layer)][key->slot] = view.shape;
    if (!key->style) continue;
    adapter = true;
    format.add(*key->style);
  }
  if (!adapter) return {};
  for (const auto& [layer, shapes] : layers) ++summary.layers[network_of(layer)], format.add(shapes);
  summary.format = format.text();
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
