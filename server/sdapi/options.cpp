#include "sdapi/options.h"

#include <fmt/format.h>

#include "corepulse/nearest_name.h"

#include "http/problem.h"
#include "sdapi/fields.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

constexpr size_t kMostSettings = size_t{1} << 20;  // bytes
constexpr const char* kCheckpoint = "sd_model_checkpoint";

/** Those that choose what is drawn, as A1111 has them unless they are set. */
const json& acting_settings() {
  static const json settings = {{kCheckpoint, nullptr},  {"sd_vae", "Automatic"},      {"CLIP_stop_at_last_layers", 1},
                                {"randn_source", "GPU"}, {"img2img_fix_steps", false}, {"eta_noise_seed_delta", 0}};
  return settings;
}

}  // namespace

std::string without_ending(const std::string& name) {
  constexpr std::string_view kEnding = ".safetensors";
  return name.ends_with(kEnding) ? name.substr(0, name.size() - kEnding.size()) : name;
}

CatalogEntry model_called(Catalog& catalog, const std::string& called) {
  std::vector<std::string> names;
  for (auto& entry : catalog.models()) {
    if (entry.name == called || entry.title == called || without_ending(entry.name) == called) return entry;
    names.push_back(entry.title);
  }
  const auto near = nearest_name(called, names);
  throw missing(fmt::format("[{}] there is no \"{}\"{}", kCheckpoint, called.substr(0, 80),
                            near.empty() ? "" : fmt::format("; did you mean {}?", near)));
}

std::optional<CatalogEntry> default_model(Catalog& catalog) {
  const auto& given = catalog.options().model;
  for (auto& entry : catalog.models())
    if (entry.path == (given.empty() ? "builtin" : given) || entry.name == given) return entry;
  return std::nullopt;
}

bool SdOptions::acts(const std::string& setting) {
  return acting_settings().contains(setting);
}

json SdOptions::all() {
  auto settings = acting_settings();
  const auto model = default_model(catalog_);
  settings[kCheckpoint] = model ? model->title : catalog_.options().model;
  settings["samples_format"] = "png";
  const std::lock_guard lock(mutex_);
  settings.update(set_);
  return settings;
}

void SdOptions::set(const json& changed) {
  check(changed);
  const std::lock_guard lock(mutex_);
  auto settings = set_;
  settings.update(changed);
  if (settings.dump(-1, ' ', false, json::error_handler_t::replace).size() > kMostSettings)
    throw Problem(413, "invalid_request", "[options] more than 1 MB of settings");
  set_ = std::move(settings);
}

json SdOptions::with(const json& over) {
  check(over);
  auto settings = all();
  settings.update(over);
  return settings;
}

void SdOptions::check(const json& settings) {
  SdFields fields(settings);
  const auto* model = fields.take(kCheckpoint);
  if (model && !asks_nothing(*model)) model_called(catalog_, fields.text(kCheckpoint));
  if (const auto vae = fields.text("sd_vae"); !vae.empty() && vae != "Automatic" && vae != "None")
    throw missing(fmt::format("[sd_vae] there is no \"{}\"; expected Automatic or None", vae.substr(0, 80)));
  fields.whole("CLIP_stop_at_last_layers", 1, 1, 12);
  fields.flag("img2img_fix_steps");
  if (const auto source = fields.text("randn_source", "GPU"); source != "GPU" && source != "CPU" && source != "NV")
    throw Problem(400, "invalid_request", "[randn_source] expected GPU, NV or CPU");
  if (fields.number("eta_noise_seed_delta", 0, -1e15, 1e15) != 0)
    throw Problem(400, "invalid_request", "[eta_noise_seed_delta] expected 0: fresh noise has the picture's seed here");
}

}  // namespace corepulse::server
