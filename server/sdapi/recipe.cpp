#include "sdapi/recipe.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <random>

#include "corepulse/sampling.h"

#include "http/problem.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

constexpr double kMostSeed = 9e15;  // as JSON's numbers hold it

/** They change nothing that is drawn, or not without another field. */
constexpr const char* kHarmless[] = {"do_not_save_samples",
                                     "do_not_save_grid",
                                     "send_images",
                                     "save_images",
                                     "force_task_id",
                                     "url",
                                     "auth",
                                     "script_args",
                                     "comments",
                                     "s_tmin",
                                     "s_tmax",
                                     "subseed",
                                     "refiner_switch_at",
                                     "include_init_images",
                                     "mask_round",
                                     "override_settings",
                                     "override_settings_restore_afterwards"};

/** What they ask for is not here. */
constexpr const char* kNotHere[] = {"styles",
                                    "subseed_strength",
                                    "seed_resize_from_w",
                                    "seed_resize_from_h",
                                    "restore_faces",
                                    "tiling",
                                    "refiner_checkpoint",
                                    "firstpass_image",
                                    "firstphase_width",
                                    "firstphase_height",
                                    "infotext",
                                    "script_name",
                                    "s_churn",
                                    "s_min_uncond"};

/** A backslash before each brace that would begin a choice of words here. */
std::string without_choices(const std::string& prompt) {
  if (prompt.find('|') == prompt.npos) return prompt;
  std::string made;
  for (size_t i = 0; i < prompt.size(); ++i) {
    if (prompt[i] == '{' && (i == 0 || prompt[i - 1] != '\\')) made += '\\';
    made += prompt[i];
  }
  return made;
}

void refuse_what_is_not_here(SdFields& fields, const std::string& prompt) {
  for (const char* field : kNotHere)
    if (const auto* value = fields.take(field); value && !asks_nothing(*value))
      throw Problem(400, "invalid_request", fmt::format("[{}] is not here, and would change the picture", field));
  for (const char* field : {"s_noise", "initial_noise_multiplier"})
    if (fields.number(field, 1, -1e6, 1e6) != 1)
      throw Problem(400, "invalid_request", fmt::format("[{}] expected 1", field));
  if (fields.flag("disable_extra_networks") && prompt.find("<lora:") != prompt.npos)
    throw Problem(400, "invalid_request", "[disable_extra_networks] leave the prompt's <lora:...> out instead");
}

void read_seeds(SdFields& fields, json& recipe) {
  auto seed = fields.whole("seed", -1, -1, int64_t(kMostSeed));
  const auto images = fields.whole("batch_size", 1, 1, 1000) * fields.whole("n_iter", 1, 1, 1000);
  if (seed == -1) seed = std::random_device()();
  auto seeds = json::array();
  for (int64_t i = 0; i < images; ++i) seeds.push_back(seed + i);
  recipe["seeds"] = seeds;
}

void read_settings(const json& settings, const SdReading& reading, json& recipe) {
  SdFields fields(settings);
  auto family = default_model(reading.catalog);
  if (const auto called = fields.text("sd_model_checkpoint"); !called.empty() && called != "None") {
    family = model_called(reading.catalog, called);
    recipe["model"] = family->name;
  }
  // As there, SDXL's text encoders have their own.
  const auto skip = fields.whole("CLIP_stop_at_last_layers", 1, 1, 12) - 1;
  if (skip > 0 && !(family && family->family.starts_with("sdxl"))) recipe["clip_skip"] = skip;
  recipe["rng"] = fields.text("randn_source", "GPU") == "CPU" ? "cpu" : "cuda";
}

/** One of a request that this does not know may change nothing, or all: it is said. */
void note_unknown(const SdFields& fields, const json& over, std::vector<std::string>& notes) {
  auto unknown = fields.unread();
  for (const auto& [setting, value] : over.items())
    if (!SdOptions::acts(setting)) unknown.push_back("override_settings." + setting);
  if (unknown.size() > 40) unknown.resize(40);
  for (auto& field : unknown) field = field.substr(0, 80);
  if (!unknown.empty()) notes.push_back(fmt::format("not known here, and not heeded: {}", fmt::join(unknown, ", ")));
}

}  // namespace

void read_sampler(json& out, const std::string& sampler, const std::string& schedule) {
  auto kind = ScheduleKind::model;
  if (!sampler.empty()) {
    const auto both = parse_sampler(sampler);
    out["sampler"] = name(both.sampler), kind = both.schedule;
  }
  if (!schedule.empty())
    if (const auto named = parse_schedule(schedule); named != ScheduleKind::model) kind = named;
  if (kind != ScheduleKind::model) out["schedule"] = name(kind);
}

SdRecipe read_sdapi(const json& body, const SdReading& reading) {
  SdFields fields(body);
  SdRecipe made{{{"version", 1}, {"syntax", "a1111"}, {"compat", "a1111"}}, {}};
  auto& recipe = made.recipe;
  const auto* over = fields.take("override_settings");
  const auto settings = reading.options.with(over && over->is_object() ? *over : json::object());
  read_settings(settings, reading, recipe);
  const auto prompt = fields.text("prompt");
  recipe["prompt"] = without_choices(prompt);
  recipe["negative_prompt"] = without_choices(fields.text("negative_prompt"));
  refuse_what_is_not_here(fields, prompt);
  read_seeds(fields, recipe);
  recipe["steps"] = fields.whole("steps", 50, 1, 1000);
  recipe["guidance"] = fields.number("cfg_scale", 7, 0, 1000);
  for (const char* side : {"width", "height"})
    if (const auto pixels = fields.whole(side, 0, 0, 65536)) recipe[side] = pixels;
  const auto index = fields.text("sampler_index"), sampler = fields.text("sampler_name", index);
  read_sampler(recipe, sampler.empty() ? "Euler" : sampler, fields.text("scheduler"));
  if (fields.take("eta")) recipe["eta"] = fields.number("eta", 0, 0, 1);
  read_hires(fields, recipe);
  if (reading.from_picture) read_init(fields, settings, reading, made);
  read_scripts(fields, recipe);
  for (const char* field : kHarmless) fields.take(field);
  note_unknown(fields, over && over->is_object() ? *over : json::object(), made.notes);
  return made;
}

}  // namespace corepulse::server
