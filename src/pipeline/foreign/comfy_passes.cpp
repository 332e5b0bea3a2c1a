#include "pipeline/foreign/comfy_passes.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "pipeline/foreign/reading.h"

namespace corepulse::pipeline {
namespace {

constexpr int kMostPassSide = 8192, kPassCell = 8;

/** Both draw with the same model, and read the same texts. */
bool are_alike(const ComfyNodes& nodes, const ComfySampling& first, const ComfySampling& last) {
  return std::ranges::all_of(std::initializer_list<std::string_view>{"model", "positive", "negative", "conditioning"},
                             [&](std::string_view input) {
                               return behind_reroutes(nodes, *first.guider, input) ==
                                      behind_reroutes(nodes, *last.guider, input);
                             });
}

/** Pictures' bicubic is torch's there, with another curve than Pillow's. */
std::optional<Upscale> upscale_named(std::string_view method, bool of_latents) {
  if (method == "nearest-exact") return of_latents ? Upscale::latent_nearest_exact : Upscale::nearest;
  if (method == "bilinear") return of_latents ? Upscale::latent_bilinear : Upscale::bilinear;
  if (method == "bicubic" && of_latents) return Upscale::latent_bicubic;
  if (method == "lanczos" && !of_latents) return Upscale::lanczos;
  return std::nullopt;
}

/** Torch's bilinear leaves pixels out where a picture shrinks; Pillow's weighs them all. */
bool shrinks(const SecondPass& pass, const Recipe& first) {
  if (pass.scale) return *pass.scale < 1;
  return pass.width < first.width || pass.height < first.height;
}

/** The one node between two samplers that enlarges, besides the VAE's on both sides of one that enlarges pictures. */
const ComfyNode* enlarging(const std::vector<const ComfyNode*>& between) {
  if (between.size() == 1 && between[0]->kind.starts_with("LatentUpscale")) return between[0];
  const bool of_pictures = between.size() == 3 && between[0]->kind == "VAEEncode" &&
                           between[1]->kind.starts_with("ImageScale") && between[2]->kind == "VAEDecode";
  return of_pictures ? between[1] : nullptr;
}

/** A size in pixels: whole cells of latents, as ComfyUI rounds down. */
bool take_pass_size(const ComfyNodes& nodes, const ComfyNode& node, const Recipe& recipe, SecondPass& pass) {
  const auto value = [&](std::string_view name) { return foreign_number(comfy_value(nodes, node, name)); };
  const bool of_latents = node.kind.starts_with("Latent");
  if (const auto scale = value("scale_by")) {
    const double width = recipe.width * *scale, height = recipe.height * *scale;
    const auto fits = [&](double side) {
      return side >= kPassCell && side <= kMostPassSide && (of_latents || std::nearbyint(side) == side) &&
             (of_latents || static_cast<int>(side) % kPassCell == 0);
    };
    if (!fits(width) || !fits(height)) return false;
    pass.scale = *scale;
    return true;
  }
  const auto width = value("width"), height = value("height");
  const auto good = [&](const std::optional<double>& side) {
    return side && *side >= kPassCell && *side <= kMostPassSide && *side == std::floor(*side) &&
           (of_latents || static_cast<int>(*side) % kPassCell == 0);
  };
  if (!good(width) || !good(height)) return false;
  pass.width = static_cast<int>(*width) / kPassCell * kPassCell;
  pass.height = static_cast<int>(*height) / kPassCell * kPassCell;
  const auto* crop = comfy_value(nodes, node, "crop");
  const bool cuts = crop && *crop != "disabled";
  return !cuts || int64_t{pass.width} * recipe.height == int64_t{pass.height} * recipe.width;
}

/** It runs all of its steps. */
bool is_all_of_it(const ComfySampling& sampling) {
  return sampling.from.value_or(0) == 0 && (!sampling.to || (sampling.steps && *sampling.to >= *sampling.steps));
}

bool take_pass_sampler(const ComfySampling& last, SecondPass& pass) try {
  const auto name = parse_sampler(last.sampler);
  pass.sampler = name.sampler;
  pass.schedule = last.scheduler.empty() ? name.schedule : parse_schedule(last.scheduler);
  return true;
} catch (const Error&) {
  return false;
}

}  // namespace

std::optional<SecondPass> comfy_second_pass(const ComfyNodes& nodes, const ComfySampling& first, const ComfyPass& last,
                                            const Recipe& recipe) {
  const auto& sampling = last.sampling;
  const auto* node = enlarging(last.before);
  const auto whole = [](const std::optional<double>& number) {
    return number && *number >= 1 && *number <= 1000 && *number == std::floor(*number);
  };
  const bool plain = is_all_of_it(sampling) && is_all_of_it(first) && sampling.adds_noise && sampling.sigmas.empty() &&
                     sampling.timesteps.empty();
  if (!node || !plain || recipe.width == 0 || !are_alike(nodes, first, sampling) || !whole(sampling.steps)) return {};
  const auto* method = comfy_value(nodes, *node, "upscale_method");
  const auto upscale = upscale_named(method && method->is_string() ? method->get_ref<const std::string&>() : "",
                                     node->kind.starts_with("Latent"));
  if (!upscale || !sampling.denoise || !(*sampling.denoise > 0 && *sampling.denoise <= 1)) return {};
  SecondPass pass{.upscale = *upscale, .strength = *sampling.denoise, .steps = static_cast<int>(*sampling.steps)};
  if (sampling.guidance && *sampling.guidance >= 0 && *sampling.guidance <= 1000) pass.guidance = *sampling.guidance;
  if (!take_pass_size(nodes, *node, recipe, pass) || !take_pass_sampler(sampling, pass)) return {};
  if (pass.upscale == Upscale::bilinear && shrinks(pass, recipe)) return {};
  return pass;
}

}  // namespace corepulse::pipeline
