#include "model/files/checkpoint.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/tensors/ldm_names.h"
#include "model/files/foreign.h"
#include "model/files/scales.h"

namespace corepulse::model {
namespace {

/** The beginning of a name in a whole checkpoint says whose it is. */
struct Prefix {
  std::string_view text;
  Part part;
};

constexpr Prefix kPrefixes[] = {
    {"model.diffusion_model.", Part::unet},
    {"first_stage_model.", Part::vae},
    {"vae.", Part::vae},
    {"cond_stage_model.clip_g.", Part::text_encoder_2},
    {"cond_stage_model.clip_l.", Part::text_encoder},
    {"cond_stage_model.clip_h.", Part::text_encoder},
    {"cond_stage_model.", Part::text_encoder},         // SD1, SD2
    {"conditioner.embedders.0.", Part::text_encoder},  // generative-models': SDXL, its refiner, SD2 turbo
    {"conditioner.embedders.1.", Part::text_encoder_2},
    {"text_encoders.clip_l.", Part::text_encoder},  // newer web UIs'
    {"text_encoders.clip_h.", Part::text_encoder},
    {"text_encoders.clip_g.", Part::text_encoder_2},
};

/** One network alone is known by a tensor that only it has. */
struct Mark {
  std::string_view tensor;
  Part part;
};

constexpr Mark kMarks[] = {
    {"input_blocks.0.0.weight", Part::unet},
    {"down_blocks.0.resnets.0.conv1.weight", Part::unet},
    {"decoder.up.0.block.0.conv1.weight", Part::vae},
    {"decoder.up_blocks.0.resnets.0.conv1.weight", Part::vae},
    {"text_model.embeddings.token_embedding.weight", Part::text_encoder},
    {"embeddings.token_embedding.weight", Part::text_encoder},
    {"transformer.resblocks.0.ln_1.weight", Part::text_encoder},
};

// Exact names, beginnings (trailing *) and endings (leading *), each with the reason why nothing is lost.
constexpr std::string_view kIgnored[] = {
    // Averaged copies for further training; names without dots, so no network could take them.
    "model_ema.*",
    // The training's noise schedule; the scheduler makes its own.
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "lvlb_weights",
    "denoiser.sigmas",
    "denoiser.log_sigmas",
    // Read as markers, or a constant that the family knows.
    "v_pred",
    "ztsnr",
    "global_step",
    "edm_mean",
    "edm_std",
    "edm_vpred.sigma_max",
    "edm_vpred.sigma_min",
    "scale_factor",
    "logvar",
    // 0, 1, 2, ... 76.
    "*position_ids",
    // CLIP's temperature between texts and pictures.
    "*logit_scale",
    // OpenCLIP's causal mask.
    "*.attn_mask",
    "attn_mask",
    // Words that somebody trained; the program's prompts cannot name them.
    "embedding_manager.*",
    // What the VAE was trained against.
    "first_stage_model.loss.*",
    "first_stage_model.model_ema.*",
    "loss.*",
};

bool is_ignored_by(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  if (pattern.starts_with('*')) return name.ends_with(pattern.substr(1));
  return name == pattern;
}

// CLIP's other half, which looks at pictures, in files of the whole of CLIP.
constexpr std::string_view kTextExtras[] = {"vision_model.*", "visual.*", "visual_projection.*", "*logit_bias"};

bool is_text(Part part) {
  return part == Part::text_encoder || part == Part::text_encoder_2;
}

/** Text encoders stand in their prefix as modules called transformer or model; OpenCLIP's own names begin so too. */
std::string_view unwrapped(std::string_view name) {
  for (const std::string_view wrapper : {"transformer.", "model."})
    if (name.starts_with(wrapper) && !name.starts_with("transformer.resblocks.")) return name.substr(wrapper.size());
  return name;
}

bool any_begins(const io::Tensors& tensors, std::string_view beginning) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const auto& entry) { return entry.first.starts_with(beginning); });
}

/** The same prefix is used before several tools' names. */
io::Naming naming_of(Part part, const io::Tensors& tensors) {
  if (is_text(part)) return any_begins(tensors, "transformer.resblocks.") ? io::Naming::open_clip : io::Naming::clip;
  if (part == Part::vae) return any_begins(tensors, "decoder.up_blocks.") ? io::Naming::diffusers : io::Naming::ldm_vae;
  return any_begins(tensors, "down_blocks.") ? io::Naming::diffusers : io::Naming::ldm_unet;
}

const Mark* find_mark(const io::Tensors& tensors) {
  for (const auto& mark : kMarks)
    if (tensors.contains(std::string(mark.tensor))) return &mark;
  return nullptr;
}

}  // namespace

const char* name(Part part) noexcept {
  constexpr const char* names[] = {"unet", "vae", "text_encoder", "text_encoder_2"};
  return names[static_cast<int>(part)];
}

std::string option(Part part) {
  std::string text = name(part);
  std::replace(text.begin(), text.end(), '_', '-');
  return "--" + text;
}

bool is_ignored(std::string_view name) {
  return std::any_of(std::begin(kIgnored), std::end(kIgnored),
                     [&](std::string_view pattern) { return is_ignored_by(pattern, name); });
}

bool is_text_extra(std::string_view name) {
  return std::any_of(std::begin(kTextExtras), std::end(kTextExtras),
                     [&](std::string_view pattern) { return is_ignored_by(pattern, name); });
}

std::string note_text_extras(const std::filesystem::path& path, size_t count) {
  return fmt::format("{}: {} tensor(s) of CLIP's part for pictures are not used", path.string(), count);
}

Checkpoint take_apart(const io::SafetensorsFile& file, const std::filesystem::path& path) {
  refuse_foreign(file.tensors, path);
  Checkpoint result{.markers = read_markers(file, path)};
  io::check_unchanged(file);
  const auto tensors = take_scales(file.tensors, path);
  const auto* alone = find_mark(tensors);
  const Prefix none = alone ? Prefix{"", alone->part} : Prefix{};
  std::map<Part, io::Tensors> found;
  size_t extras = 0;
  for (const auto& [name, view] : tensors) {
    if (is_ignored(name)) continue;
    const auto* prefix = std::find_if(std::begin(kPrefixes), std::end(kPrefixes),
                                      [&](const Prefix& p) { return name.starts_with(p.text); });
    if (prefix == std::end(kPrefixes)) prefix = &none;
    if (prefix == &none && !alone) {
      result.unknown.push_back(name);
      continue;
    }
    auto rest = std::string_view(name).substr(prefix->text.size());
    if (is_ignored(rest)) continue;
    if (is_text(prefix->part)) rest = unwrapped(rest);
    if (is_text(prefix->part) && is_text_extra(rest))
      ++extras;
    else if (!found[prefix->part].emplace(rest, view).second)
      fail(ErrorCode::bad_file, "model",
           fmt::format("{} holds two networks as its {} (tensor {})", path.string(),
                       corepulse::model::name(prefix->part), name));
  }
  for (const auto& [part, own] : found) {
    const auto naming = naming_of(part, own);
    result.parts[part] = {io::to_diffusers(naming, own), naming == io::Naming::open_clip};
  }
  if (extras) result.notes.push_back(note_text_extras(path, extras));
  std::sort(result.unknown.begin(), result.unknown.end());
  return result;
}

}  // namespace corepulse::model
