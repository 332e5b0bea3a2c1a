#include "model/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

#include "base/fail.h"
#include "model/ldm_names.h"

namespace corepulse::model {
namespace {

/** The beginning of a name in a whole checkpoint says whose it is. */
struct Prefix {
  std::string_view text;
  Part part;
  Naming naming;
};

constexpr Prefix kPrefixes[] = {
    {"model.diffusion_model.", Part::unet, Naming::ldm_unet},
    {"first_stage_model.", Part::vae, Naming::ldm_vae},
    {"vae.", Part::vae, Naming::ldm_vae},
    {"cond_stage_model.transformer.", Part::text_encoder, Naming::clip},          // SD1
    {"cond_stage_model.model.", Part::text_encoder, Naming::open_clip},           // SD2
    {"conditioner.embedders.0.transformer.", Part::text_encoder, Naming::clip},   // SDXL
    {"conditioner.embedders.0.model.", Part::text_encoder_2, Naming::open_clip},  // SDXL's refiner
    {"conditioner.embedders.1.model.", Part::text_encoder_2, Naming::open_clip},  // SDXL
};

/** One network alone is known by a tensor that only it has. */
struct Mark {
  std::string_view tensor;
  Part part;
  Naming naming;
};

constexpr Mark kMarks[] = {
    {"input_blocks.0.0.weight", Part::unet, Naming::ldm_unet},
    {"down_blocks.0.resnets.0.conv1.weight", Part::unet, Naming::diffusers},
    {"decoder.up.0.block.0.conv1.weight", Part::vae, Naming::ldm_vae},
    {"decoder.up_blocks.0.resnets.0.conv1.weight", Part::vae, Naming::diffusers},
    {"text_model.embeddings.token_embedding.weight", Part::text_encoder, Naming::clip},
    {"embeddings.token_embedding.weight", Part::text_encoder, Naming::clip},
    {"transformer.resblocks.0.ln_1.weight", Part::text_encoder, Naming::open_clip},
};

/** Files that are something else; `part` of a name is enough. */
struct Foreign {
  std::string_view part, what;
};

constexpr Foreign kForeign[] = {
    {"double_blocks.", "a Flux model"},
    {"joint_blocks.", "a Stable Diffusion 3 model"},
    {"lora_unet_", "a LoRA"},
    {"lora_te", "a LoRA"},
    {".lora_A.", "a LoRA"},
    {".lora_down.", "a LoRA"},
    {"_lora.down.", "a LoRA"},
    {".hada_w1_a", "a LyCORIS file"},
    {"control_model.", "a ControlNet"},
    {"controlnet_cond_embedding.", "a ControlNet"},
    {"motion_modules.", "an AnimateDiff motion module"},
    {"emb_params", "a textual inversion embedding"},
    {"edm_mean", "trained with EDM's noise (Playground 2.5)"},
    {"edm_vpred.sigma_max", "trained with EDM's noise (CosXL)"},
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

void refuse_foreign(const io::Tensors& tensors, const std::filesystem::path& path) {
  for (const auto& [part, what] : kForeign)
    for (const auto& [name, view] : tensors)
      if (name.find(part) != std::string::npos)
        fail(ErrorCode::unsupported_model, "model",
             fmt::format("{} is {} (tensor {}); expected a Stable Diffusion 1, 2 or XL model", path.string(), what,
                         name));
}

const Mark* find_mark(const io::Tensors& tensors) {
  for (const auto& mark : kMarks)
    if (tensors.contains(std::string(mark.tensor))) return &mark;
  return nullptr;
}

/** An integer stored as a tensor of one element, if its data is there to be read. */
std::optional<int64_t> scalar(const io::TensorView& view) {
  if (view.type != io::StoredType::i64 || view.bytes != sizeof(int64_t) || !view.data) return {};
  int64_t value;
  std::memcpy(&value, view.data, sizeof value);
  return value;
}

void read_markers(const io::SafetensorsFile& file, Checkpoint& result) {
  if (file.tensors.contains("v_pred")) result.prediction = Prediction::v;
  result.zero_snr = file.tensors.contains("ztsnr");
  if (const auto step = file.tensors.find("global_step"); step != file.tensors.end())
    result.global_step = scalar(step->second);
  // https://github.com/Stability-AI/ModelSpec
  const auto spec = file.metadata.find("modelspec.prediction_type");
  if (result.prediction || spec == file.metadata.end()) return;
  if (spec->second == "v") result.prediction = Prediction::v;
  if (spec->second == "epsilon") result.prediction = Prediction::epsilon;
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

Checkpoint take_apart(const io::SafetensorsFile& file, const std::filesystem::path& path) {
  refuse_foreign(file.tensors, path);
  Checkpoint result;
  read_markers(file, result);
  const auto* alone = find_mark(file.tensors);
  const Prefix none = alone ? Prefix{"", alone->part, alone->naming} : Prefix{};
  std::map<Part, std::pair<Naming, io::Tensors>> found;
  for (const auto& [name, view] : file.tensors) {
    if (is_ignored(name)) continue;
    const auto* prefix = std::find_if(std::begin(kPrefixes), std::end(kPrefixes),
                                      [&](const Prefix& p) { return name.starts_with(p.text); });
    if (prefix == std::end(kPrefixes)) prefix = &none;
    if (prefix == &none && !alone) {
      result.unknown.push_back(name);
      continue;
    }
    auto& [naming, tensors] = found.try_emplace(prefix->part, prefix->naming, io::Tensors()).first->second;
    if (naming != prefix->naming)
      fail(ErrorCode::bad_file, "model",
           fmt::format("{} holds two networks as its {} (tensor {})", path.string(),
                       corepulse::model::name(prefix->part), name));
    tensors.emplace(name.substr(prefix->text.size()), view);
  }
  for (const auto& [part, entry] : found)
    result.parts[part] = {to_diffusers(entry.first, entry.second), entry.first == Naming::open_clip};
  std::sort(result.unknown.begin(), result.unknown.end());
  return result;
}

}  // namespace corepulse::model
