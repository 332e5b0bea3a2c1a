// What txt2img and img2img answer.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "corepulse/host/image_bytes.h"

#include "http/base64.h"
#include "http/problem.h"
#include "sdapi/sdapi.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

/** The fields that clients' validators ask for, of the recipe that was drawn. */
json sd_info(const Job& job, const json& recipe) {
  json info = {{"prompt", recipe.value("prompt", "")},
               {"negative_prompt", recipe.value("negative_prompt", "")},
               {"subseed_strength", 0.0},
               {"sampler_name", sd_sampler_name(recipe.value("sampler", ""))},
               {"cfg_scale", recipe.value("guidance", 7.0)},
               {"steps", recipe.value("steps", job.steps)},
               {"batch_size", job.pictures.size()},
               {"restore_faces", false},
               {"face_restoration_model", nullptr},
               {"sd_model_name", recipe.value("model", "")},
               {"sd_model_hash", ""},
               {"sd_vae_name", nullptr},
               {"sd_vae_hash", nullptr},
               {"seed_resize_from_w", -1},
               {"seed_resize_from_h", -1},
               {"denoising_strength", nullptr},
               {"index_of_first_image", 0},
               {"styles", json::array()},
               {"job_timestamp", std::to_string(int64_t(job.created))},
               {"clip_skip", recipe.value("clip_skip", 0) + 1},
               {"is_using_inpainting_conditioning", false},
               {"version", "corepulse"}};
  for (const char* pass : {"init", "second_pass"})
    if (recipe.contains(pass)) info["denoising_strength"] = recipe[pass].value("strength", 0.75);
  return info;
}

void add_pictures(const Job& job, const Folder& folder, json& info, json& images) {
  for (const char* list : {"all_prompts", "all_negative_prompts", "all_seeds", "all_subseeds", "infotexts"})
    info[list] = json::array();
  for (const auto& picture : job.pictures) {
    const auto bytes = read_file(folder.picture(picture.name));
    info["all_prompts"].push_back(info["prompt"]);
    info["all_negative_prompts"].push_back(info["negative_prompt"]);
    info["all_seeds"].push_back(picture.seed);
    info["all_subseeds"].push_back(picture.seed);
    info["infotexts"].push_back(image_text_of(bytes)["parameters"]);
    images.push_back(to_base64(bytes));
  }
  info["seed"] = info["subseed"] = job.pictures.empty() ? 0 : job.pictures[0].seed;
  info["width"] = job.pictures.empty() ? 0 : job.pictures[0].width;
  info["height"] = job.pictures.empty() ? 0 : job.pictures[0].height;
}

}  // namespace

Response sd_answer(const Job& job, const SdAsked& asked, const Folder& folder) {
  if (job.error) throw Problem(job.error->status, job.error->code, job.error->detail);
  const auto recipe = json::parse(job.resolved, nullptr, false);
  auto info = sd_info(job, recipe.is_object() ? recipe : json::object());
  auto images = json::array();
  add_pictures(job, folder, info, images);
  json extra = {{"corepulse job", job.id}};
  // Whoever interrupts gets no picture: none is finished.
  if (job.state != JobState::done) extra["corepulse state"] = name(job.state);
  size_t number = 0;
  for (const auto* notes : {&asked.notes, &job.notes})
    for (const auto& note : *notes) extra[fmt::format("corepulse note {}", ++number)] = note;
  info["extra_generation_params"] = std::move(extra);
  return json_response({{"images", asked.send_images ? images : json::array()},
                        {"parameters", asked.parameters},
                        {"info", info.dump(-1, ' ', false, json::error_handler_t::replace)}});
}

}  // namespace corepulse::server
