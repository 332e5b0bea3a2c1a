#include "adapters/peft_config.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/json.h"
#include "io/utf8.h"

namespace corepulse::adapters {

/** Reads one object of settings; `prefix` is before each field's name ("unet."). */
struct PeftReader {
  const io::Json& json;
  std::string where, prefix;

  [[noreturn]] void refuse(std::string_view field, std::string_view what, ErrorCode code = ErrorCode::bad_file) const {
    fail(code, "adapter", fmt::format("{}: {}{} {}", where, prefix, io::printable(field), what));
  }
  const io::Json* find(const char* field) const {
    const auto found = json.find(prefix + field);
    return found == json.end() || found->is_null() ? nullptr : &*found;
  }
  double number(std::string_view field, const io::Json& value) const {
    const double x = value.is_number() ? value.get<double>() : NAN;
    if (!std::isfinite(x)) refuse(field, "is not a number");
    return x;
  }
  double rank(std::string_view field, const io::Json& value) const {
    const double r = number(field, value);
    if (r < 1 || r != std::floor(r)) refuse(field, fmt::format("is {}; expected a whole number of 1 or more", r));
    return r;
  }

  /** PEFT reads a name as a regular expression; here it is a name, maybe after '^', in which '.' may be written "\.".
   */
  PeftConfig::Pattern pattern(std::string_view field, std::string name, double value) const {
    PeftConfig::Pattern result{"", name.starts_with('^'), value};
    for (size_t i = result.whole ? 1 : 0; i < name.size(); ++i) {
      if (name[i] == '\\' && i + 1 < name.size() && name[i + 1] == '.') ++i;
      if (std::string_view("\\*+?[](){}|^$").find(name[i]) != std::string_view::npos)
        refuse(field, fmt::format("has the regular expression {}; expected names of layers", io::printable(name)),
               ErrorCode::unsupported_model);
      result.name += name[i];
    }
    return result;
  }
  std::vector<PeftConfig::Pattern> patterns(const char* field, bool ranks) const {
    std::vector<PeftConfig::Pattern> result;
    const auto* all = find(field);
    if (!all) return result;
    if (!all->is_object()) refuse(field, "is not an object");
    for (const auto& [name, value] : all->items())
      result.push_back(pattern(field, name, ranks ? rank(field, value) : number(field, value)));
    return result;
  }

  /** Some ways of beginning a training take a part out of the model's weights, which its loading takes out again. */
  void refuse_changed_model() const {
    const auto* start = find("init_lora_weights");
    if (!start || !start->is_string()) return;
    const auto& how = start->get_ref<const std::string&>();
    for (const char* changing : {"pissa", "olora", "corda"})
      if (how.starts_with(changing))
        refuse("init_lora_weights",
               fmt::format("is {}: such an adapter goes with weights changed by it; save it with "
                           "path_initial_model_for_weight_conversion",
                           io::printable(how)),
               ErrorCode::unsupported_model);
  }

  PeftConfig::Settings read() const {
    refuse_changed_model();
    PeftConfig::Settings settings;
    // LoRA has lora_alpha; LoHa and LoKr have alpha.
    for (const char* field : {"alpha", "lora_alpha"})
      if (const auto* value = find(field)) settings.alpha = number(field, *value);
    if (const auto* value = find("r")) settings.rank = rank("r", *value);
    if (const auto* value = find("use_rslora")) {
      if (!value->is_boolean()) refuse("use_rslora", "is not true or false");
      settings.square_root = value->get<bool>();
    }
    settings.alphas = patterns("alpha_pattern", false);
    settings.ranks = patterns("rank_pattern", true);
    return settings;
  }
};

namespace {

constexpr const char* kSettingsKey = "lora_adapter_metadata";

bool matches(const std::string& pattern, bool whole, const std::string& layer) {
  if (layer == pattern) return true;
  return !whole && layer.size() > pattern.size() && layer.ends_with(pattern) &&
         layer[layer.size() - pattern.size() - 1] == '.';
}

}  // namespace

PeftConfig PeftConfig::read(const std::filesystem::path& path, const io::SafetensorsFile& file) {
  io::Json json;
  std::string where = path.string();
  const auto inside = file.metadata.find(kSettingsKey);
  const auto beside = path.parent_path() / "adapter_config.json";
  if (inside != file.metadata.end()) {
    where += std::string(", ") + kSettingsKey;
    json = io::parse_json(inside->second, where);
  } else if (path.filename().string().starts_with("adapter_model") && io::is_there(beside)) {
    where = beside.string();
    json = io::read_json(beside);
  } else {
    return {};
  }
  if (!json.is_object()) fail(ErrorCode::bad_file, "adapter", where + " is no JSON object");
  PeftConfig config;
  if (inside == file.metadata.end()) config.beside_ = json.dump();
  for (const std::string network : {"unet", "text_encoder", "text_encoder_2", ""}) {
    const auto prefix = network.empty() ? network : network + ".";
    if (json.contains(prefix + "r")) config.networks_[network] = PeftReader{json, where, prefix}.read();
  }
  return config;
}

std::optional<PeftScale> PeftConfig::scale(const std::string& network, const std::string& layer) const {
  auto found = networks_.find(network);
  if (found == networks_.end()) found = networks_.find("");
  if (found == networks_.end()) return {};
  const auto& settings = found->second;
  const auto own = [&](const std::vector<Pattern>& patterns, double value) {
    const auto pattern = std::find_if(patterns.begin(), patterns.end(),
                                      [&](const Pattern& p) { return matches(p.name, p.whole, layer); });
    return pattern == patterns.end() ? value : pattern->value;
  };
  return PeftScale{own(settings.alphas, settings.alpha), own(settings.ranks, settings.rank), settings.square_root};
}

}  // namespace corepulse::adapters
