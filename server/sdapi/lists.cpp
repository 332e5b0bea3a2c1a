// The lists that A1111's clients fill their menus with.
#include <nlohmann/json.hpp>

#include "corepulse/sampling.h"

#include "http/problem.h"
#include "sdapi/sdapi.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

/** As A1111 and Forge call what is here. */
constexpr const char* kSamplers[] = {
    "Euler a",   "Euler",        "LMS",          "Heun",    "DPM2",        "DPM2 a",        "DPM++ 2S a", "DPM++ 2M",
    "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 3M SDE", "Restart", "DDIM",        "PLMS",          "UniPC",      "LCM",
    "DEIS",      "IPNDM",        "DDPM",         "TCD",     "Euler CFG++", "DPM++ 2M CFG++"};

struct SdSchedule {
  const char *name, *label;
};
constexpr SdSchedule kSchedules[] = {{"automatic", "Automatic"},
                                     {"uniform", "Uniform"},
                                     {"karras", "Karras"},
                                     {"exponential", "Exponential"},
                                     {"sgm_uniform", "SGM Uniform"},
                                     {"align_your_steps", "Align Your Steps"},
                                     {"simple", "Simple"},
                                     {"ddim", "DDIM"},
                                     {"beta", "Beta"}};

json list_samplers() {
  auto list = json::array();
  for (const char* sampler : kSamplers)
    list.push_back(
        {{"name", sampler}, {"aliases", {name(parse_sampler(sampler).sampler)}}, {"options", json::object()}});
  return list;
}

json list_schedules() {
  auto list = json::array();
  for (const auto& [name, label] : kSchedules)
    list.push_back(
        {{"name", name}, {"label", label}, {"aliases", nullptr}, {"default_rho", -1}, {"need_inner_model", false}});
  return list;
}

json list_checkpoints(Catalog& catalog) {
  auto list = json::array();
  for (const auto& entry : catalog.models())
    if (entry.error.empty())
      list.push_back({{"title", entry.title},
                      {"model_name", without_ending(entry.name)},
                      {"hash", nullptr},
                      {"sha256", nullptr},
                      {"filename", entry.name},
                      {"config", nullptr}});
  return list;
}

json list_loras(Catalog& catalog) {
  auto list = json::array();
  for (const auto& entry : catalog.loras())
    list.push_back({{"name", entry.name}, {"alias", entry.name}, {"path", entry.name}, {"metadata", json::object()}});
  return list;
}

json list_embeddings(Catalog& catalog) {
  json loaded = json::object(), skipped = json::object();
  for (const auto& entry : catalog.embeddings())
    (entry.error.empty() ? loaded : skipped)[entry.name] = {
        {"step", nullptr}, {"sd_checkpoint", nullptr}, {"sd_checkpoint_name", nullptr}, {"shape", 0}, {"vectors", 0}};
  return {{"loaded", loaded}, {"skipped", skipped}};
}

/** Those that a second pass knows; they are no networks. */
json list_upscalers() {
  auto list = json::array();
  for (const char* upscaler : {"None", "Lanczos", "Nearest"})
    list.push_back(
        {{"name", upscaler}, {"model_name", nullptr}, {"model_path", nullptr}, {"model_url", nullptr}, {"scale", 4}});
  return list;
}

json list_latent_modes() {
  auto list = json::array();
  for (const char* mode : {"Latent", "Latent (bicubic)", "Latent (nearest)", "Latent (nearest-exact)"})
    list.push_back({{"name", mode}});
  return list;
}

json list_script_info() {
  auto list = json::array();
  for (const bool from_picture : {false, true})
    list.push_back({{"name", "corepulse"},
                    {"is_alwayson", true},
                    {"is_img2img", from_picture},
                    {"args", {{{"label", "controls and other fields of a recipe"}, {"value", json::object()}}}}});
  return list;
}

}  // namespace

std::string sd_sampler_name(const std::string& sampler) {
  for (const char* known : kSamplers)
    if (name(parse_sampler(known).sampler) == sampler) return known;
  return sampler;
}

void add_sd_lists(Router& router, Context& context) {
  const auto add = [&](const char* name, std::function<json()> list) {
    router.add("GET", std::string("/sdapi/v1/") + name,
               [list = std::move(list)](const Request&) { return json_response(list()); });
  };
  add("samplers", list_samplers);
  add("schedulers", list_schedules);
  add("upscalers", list_upscalers);
  add("latent-upscale-modes", list_latent_modes);
  add("script-info", list_script_info);
  add("sd-models", [&] { return list_checkpoints(context.catalog); });
  add("loras", [&] { return list_loras(context.catalog); });
  add("embeddings", [&] { return list_embeddings(context.catalog); });
  add("scripts", [] { return json{{"txt2img", {"corepulse"}}, {"img2img", {"corepulse"}}}; });
  add("cmd-flags", [] { return json{{"api", true}}; });
  add("memory", [&] { return json{{"ram", {{"used", context.models.bytes()}}}, {"cuda", {{"error", "not said"}}}}; });
  for (const char* none :
       {"sd-vae", "sd-modules", "hypernetworks", "face-restorers", "realesrgan-models", "prompt-styles"})
    add(none, [] { return json::array(); });
}

}  // namespace corepulse::server
