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

  bool flag(const char* field, bool absent) const {
    const auto* value = find(field);
    if (value && !value->is_boolean()) refuse(field, "is not true or false");
    return value ? value->get<bool>() : absent;
  }
  bool is_kind(const char* kind) const {
    const auto* type = find("peft_type");
    return type && type->is_string() && type->get_ref<const std::string&>() == kind;
  }

  PeftOft oft() const {
    PeftOft oft;
    if (!find("use_cayley_neumann"))
      refuse("use_cayley_neumann", "is not there: an OFT of PEFT before 0.17 turns otherwise; train it anew",
             ErrorCode::unsupported_model);
    if (!flag("use_cayley_neumann", true))
      oft.terms = 0;
    else if (const auto* version = find("peft_version"); !version || !version->is_string() || is_old(*version))
      refuse("peft_version", "is below 0.18, whose use_cayley_neumann was another; train the OFT anew",
             ErrorCode::unsupported_model);
    else if (const auto* terms = find("num_cayley_neumann_terms"))
      oft.terms = static_cast<int>(std::min(rank("num_cayley_neumann_terms", *terms), 1000.0));
    if (flag("coft", false)) {
      const auto* eps = find("eps");
      oft.limit = eps ? number("eps", *eps) : 6e-5;  // PEFT's own
      if (!(oft.limit > 0)) refuse("eps", "is not above 0");
    }
    return oft;
  }
  static bool is_old(const io::Json& version) {
    const auto& text = version.get_ref<const std::string&>();
    int minor = 0;
    for (size_t i = 2; text.starts_with("0.") && i < std::min<size_t>(text.size(), 5) && text[i] != '.'; ++i)
      minor = 10 * minor + (text[i] - '0');
    return text.starts_with("0.") && minor < 18;
  }

  /** Of a regular expression nothing is known. */
  std::optional<std::vector<std::string>> feedforward_modules() const {
    const auto* all = find("feedforward_modules");
    if (!all || all->is_string()) return {};
    if (!all->is_array()) refuse("feedforward_modules", "is not a list of names");
    std::vector<std::string> names;
    for (const auto& name : *all) {
      if (!name.is_string()) refuse("feedforward_modules", "is not a list of names");
      names.push_back(name.get<std::string>());
    }
    return names;
  }

  PeftConfig::Settings read() const {
    refuse_changed_model();
    PeftConfig::Settings settings;
    if (is_kind("OFT")) {
      settings.oft = oft();
      return settings;
    }
    if (is_kind("IA3")) settings.on_input = feedforward_modules();
    // LoRA has lora_alpha; LoHa and LoKr have alpha.
    for (const char* field : {"alpha", "lora_alpha"})
      if (const auto* value = find(field)) settings.alpha = number(field, *value);
    if (const auto* value = find("r")) settings.rank = rank("r", *value);
    settings.square_root = flag("use_rslora", false);
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
    if (json.contains(prefix + "r") || json.contains(prefix + "peft_type"))
      config.networks_[network] = PeftReader{json, where, prefix}.read();
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
  PeftScale scale{own(settings.alphas, settings.alpha), own(settings.ranks, settings.rank), settings.square_root,
                  settings.oft};
  if (settings.on_input)
    scale.on_input = std::any_of(settings.on_input->begin(), settings.on_input->end(),
                                 [&](const std::string& end) { return layer.ends_with(end); });
  return scale;
}

}  // namespace corepulse::adapters
