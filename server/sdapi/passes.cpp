// Hires. fix, img2img, and the scripts that go with every request.
#include <algorithm>
#include <cctype>
#include <fmt/format.h>

#include "corepulse/host/image_bytes.h"

#include "files/uploads.h"
#include "http/problem.h"
#include "sdapi/recipe.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

[[noreturn]] void refuse_pass(const char* field, const std::string& what) {
  throw Problem(400, "invalid_request", fmt::format("[{}] {}", field, what));
}

const char* hires_upscale_of(const std::string& upscaler) {
  static constexpr std::pair<const char*, const char*> kUpscalers[] = {
      {"Latent", "latent-bilinear"},
      {"Latent (bicubic)", "latent-bicubic"},
      {"Latent (nearest)", "latent-nearest"},
      {"Latent (nearest-exact)", "latent-nearest-exact"},
      {"Lanczos", "lanczos"},
      {"Nearest", "nearest"},
      {"None", "lanczos"}};
  for (const auto& [there, here] : kUpscalers)
    if (upscaler == there) return here;
  refuse_pass("hr_upscaler", fmt::format("there is no \"{}\"; expected one of GET /sdapi/v1/upscalers or "
                                         "/sdapi/v1/latent-upscale-modes",
                                         upscaler.substr(0, 80)));
}

/** "Use same sampler" and its like are the first pass's. */
std::string hires_name(SdFields& fields, const char* field) {
  const auto text = fields.text(field);
  return text.starts_with("Use same") || text == "None" ? "" : text;
}

/** Both sides as A1111 has them, whole latents. */
void read_hires_size(SdFields& fields, const json& recipe, json& pass) {
  const auto x = fields.whole("hr_resize_x", 0, 0, 65536), y = fields.whole("hr_resize_y", 0, 0, 65536);
  const auto scale = fields.number("hr_scale", 2, 0.01, 64);
  const auto width = recipe.value("width", int64_t{0}), height = recipe.value("height", int64_t{0});
  const auto whole = [](double pixels) { return int64_t(pixels) / 8 * 8; };
  if (x == 0 && y == 0 && (width == 0 || height == 0)) {
    pass["scale"] = scale;
  } else if (x == 0 && y == 0) {
    pass["width"] = whole(double(width) * scale), pass["height"] = whole(double(height) * scale);
  } else {
    if (x > 0 && y > 0 && x * height != y * width)
      refuse_pass("hr_resize_x", "expected the first pass's proportions: nothing is cut off here");
    if (x > 0) pass["width"] = whole(double(x));
    if (y > 0) pass["height"] = whole(double(y));
  }
}

/** Whether a script's arguments switch it off. */
bool is_off(const json& script) {
  const auto found = script.is_object() ? script.find("args") : script.end();
  const auto& arguments = script.is_object() && found != script.end() ? *found : script;
  if (asks_nothing(arguments)) return true;
  if (!arguments.is_array()) return false;
  if (arguments[0].is_boolean()) return !arguments[0].get<bool>();
  return std::all_of(arguments.begin(), arguments.end(), [](const json& unit) {
    return unit.is_object() && unit.contains("enabled") && unit["enabled"] == false;
  });
}

json mask_of(SdFields& fields, const std::string& text, const Image& picture, const SdReading& reading) {
  const auto bytes = picture_bytes(text, "mask");
  // As there: what is opaque everywhere says nothing by it.
  const auto opaque = decode_image(bytes, "the mask").alpha;
  const bool alpha = std::any_of(opaque.begin(), opaque.end(), [](uint8_t value) { return value != 255; });
  json mask = {{"shape", "picture"}, {"file", reading.keep(bytes)}, {"channel", alpha ? "alpha" : "luminance"}};
  const auto blur = fields.number("mask_blur", 4, 0, 1000), x = fields.number("mask_blur_x", blur, 0, 1000),
             y = fields.number("mask_blur_y", blur, 0, 1000);
  if (x != y) refuse_pass("mask_blur_x", "expected the same as mask_blur_y");
  // There in pixels of the picture, here in parts of its shorter side.
  if (x > 0) mask["blur"] = x / std::min(picture.width, picture.height);
  if (fields.flag("inpainting_mask_invert")) mask["invert"] = true;
  return mask;
}

void read_mask(SdFields& fields, const Image& picture, const SdReading& reading, json& init,
               std::vector<std::string>& notes) {
  const auto text = fields.text("mask");
  const auto fill = fields.whole("inpainting_fill", 0, 0, 3);
  const auto padding = fields.whole("inpaint_full_res_padding", 0, 0, 8192);
  const bool only_masked = fields.flag("inpaint_full_res", true);
  for (const char* field : {"mask_blur", "mask_blur_x", "mask_blur_y", "inpainting_mask_invert"}) fields.take(field);
  if (text.empty()) return;
  init["mask"] = mask_of(fields, text, picture, reading);
  if (only_masked) init["only_masked"] = padding;
  if (fill > 1) refuse_pass("inpainting_fill", "expected 1 (original): the mask's part starts from the picture here");
  if (fill == 0)
    notes.push_back(
        "inpainting_fill 0 (fill) is not here: the mask's part starts from the picture, as with 1 (original)");
}

}  // namespace

void read_hires(SdFields& fields, json& recipe) {
  const bool asked = fields.flag("enable_hr");
  for (const char* field : {"hr_scale", "hr_upscaler", "hr_second_pass_steps", "hr_resize_x", "hr_resize_y",
                            "hr_checkpoint_name", "hr_sampler_name", "hr_scheduler", "hr_prompt", "hr_negative_prompt",
                            "hr_cfg", "hr_additional_modules", "denoising_strength"})
    fields.take(field);
  if (!asked) return;
  json pass = {{"upscale", hires_upscale_of(fields.text("hr_upscaler", "Latent"))},
               {"strength", fields.number("denoising_strength", 0.75, 0, 1)}};
  read_hires_size(fields, recipe, pass);
  if (const auto steps = fields.whole("hr_second_pass_steps", 0, 0, 1000)) pass["steps"] = steps;
  if (fields.take("hr_cfg")) pass["guidance"] = fields.number("hr_cfg", 1, 0, 1000);
  read_sampler(pass, hires_name(fields, "hr_sampler_name"), hires_name(fields, "hr_scheduler"));
  if (!hires_name(fields, "hr_checkpoint_name").empty())
    refuse_pass("hr_checkpoint_name", "both passes have one model");
  for (const auto& [field, first] : {std::pair("hr_prompt", "prompt"), {"hr_negative_prompt", "negative_prompt"}})
    if (const auto text = fields.text(field); !text.empty() && text != fields.text(first))
      refuse_pass(field, fmt::format("both passes read the {}", first));
  recipe["second_pass"] = std::move(pass);
}

void read_init(SdFields& fields, const json& settings, const SdReading& reading, SdRecipe& made) {
  const auto* pictures = fields.take("init_images");
  if (!pictures || !pictures->is_array() || pictures->size() != 1 || !(*pictures)[0].is_string())
    refuse_pass("init_images", "expected a list of one picture in base64");
  const auto bytes = picture_bytes((*pictures)[0].get<std::string>(), "init_images");
  const auto picture = decode_image(bytes);
  static constexpr const char* kFits[] = {"stretch", "crop", "pad"};
  const auto fit = fields.whole("resize_mode", 0, 0, 3);
  if (fit == 3) refuse_pass("resize_mode", "expected 0, 1 or 2; 3 (latent upscale) is not here");
  json init = {{"file", reading.keep(bytes)},
               {"strength", fields.number("denoising_strength", 0.75, 0, 1)},
               {"fit", kFits[fit]}};
  if (SdFields(settings).flag("img2img_fix_steps")) init["exact_steps"] = true;
  // What is sent where nobody thought of it; only models of instruct-pix2pix heed it there.
  if (const auto scale = fields.number("image_cfg_scale", 1.5, 0, 1000); scale != 1.5)
    made.notes.push_back(
        "image_cfg_scale is of instruct-pix2pix models; alwayson_scripts.corepulse.image_guidance sets it");
  read_mask(fields, picture, reading, init, made.notes);
  made.recipe["init"] = std::move(init);
}

void read_scripts(SdFields& fields, json& recipe) {
  const auto* scripts = fields.take("alwayson_scripts");
  if (!scripts || asks_nothing(*scripts)) return;
  if (!scripts->is_object()) refuse_pass("alwayson_scripts", "expected an object");
  for (const auto& [script, value] : scripts->items()) {
    auto small = script;
    std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    if (small == "corepulse") {
      const bool list = value.is_object() && value.contains("args") && value["args"].is_array();
      if (list && value["args"].empty()) continue;
      const auto& ours = list ? value["args"][0] : value;
      if (!ours.is_object()) refuse_pass("alwayson_scripts.corepulse", "expected {controls: [...], ...} of a recipe");
      if (ours.contains("seed")) recipe.erase("seeds");
      if (ours.contains("few_steps"))
        for (const char* field : {"steps", "guidance", "sampler", "schedule"}) recipe.erase(field);
      recipe.update(ours);
    } else if (!is_off(value)) {
      throw Problem(400, "invalid_request",
                    fmt::format("[alwayson_scripts] there is no \"{}\"; expected corepulse: {{controls: [...]}} of a "
                                "recipe (ControlNet is its kind controlnet, attention guidance its guide_by)",
                                script.substr(0, 80)));
    }
  }
}

}  // namespace corepulse::server
