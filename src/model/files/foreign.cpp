#include "model/files/foreign.h"

#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::model {
namespace {

/** Files that are something else; `part` of a name is enough. The first that fits names the file. */
struct Foreign {
  std::string_view part, what, remedy = "";
};

constexpr std::string_view kDiffusers = "Diffusers and ComfyUI run it";

constexpr Foreign kForeign[] = {
    // What is added to a model.
    {"lora_unet_", "a LoRA", "give it beside a model: --lora FILE"},
    {"lora_te", "a LoRA", "give it beside a model: --lora FILE"},
    {".lora_A.", "a LoRA", "give it beside a model: --lora FILE"},
    {".lora_down.", "a LoRA", "give it beside a model: --lora FILE"},
    {"_lora.down.", "a LoRA", "give it beside a model: --lora FILE"},
    {".hada_w1_a", "a LyCORIS file", "give it beside a model: --lora FILE"},
    {"control_model.", "a ControlNet", "give it beside a model: --controlnet FILE=PICTURE"},
    {"controlnet_cond_embedding.", "a ControlNet", "give it beside a model: --controlnet FILE=PICTURE"},
    {"input_hint_block.", "a ControlNet", "give it beside a model: --controlnet FILE=PICTURE"},
    {"body.0.resnets.", "a T2I-Adapter", "give it beside a model: --controlnet FILE=PICTURE"},
    {"body.0.block1.", "a T2I-Adapter", "give it beside a model: --controlnet FILE=PICTURE"},
    {"body.0.in_conv.", "a T2I-Adapter", "give it beside a model: --controlnet FILE=PICTURE"},
    {"image_proj.", "an IP-Adapter", "give it beside a model: --picture-prompt FILE=PICTURE"},
    {"motion_modules.", "an AnimateDiff motion module"},
    {"emb_params", "a textual inversion embedding", "give its folder beside a model: --embeddings FOLDER"},
    // Transformers in place of the UNet.
    {"distilled_guidance_layer.", "a Chroma model", kDiffusers},
    {"individual_token_refiner.", "a HunyuanVideo model", kDiffusers},
    {"double_blocks.", "a Flux model", kDiffusers},
    {"joint_blocks.", "a Stable Diffusion 3 model", kDiffusers},
    {"double_layers.", "an AuraFlow model", kDiffusers},
    {"mlp_t5.", "a HunyuanDiT model", kDiffusers},
    {"patchify_proj.", "an LTX-Video model", kDiffusers},
    {"adaln_single.", "a PixArt model", kDiffusers},
    {"cap_embedder.", "a Lumina or Z-Image model", kDiffusers},
    {"t5_yproj.", "a Mochi model", kDiffusers},
    {"txt_norm.weight", "a Qwen-Image model", kDiffusers},
    {"head.modulation", "a Wan model", kDiffusers},
    // UNets that read something else than CLIP's words.
    {"clip_txt_pooled_mapper.", "a Stable Cascade model", kDiffusers},
    {"time_stack.", "a Stable Video Diffusion model", kDiffusers},
    {"temporal_transformer_blocks.", "a video model", kDiffusers},
    {"encoder_hid_proj.image_embeds", "a Kandinsky model", kDiffusers},
    {"encoder_hid_proj.weight",
     "Kolors, or another model whose words come from a larger language model (Kolors': ChatGLM3), which this program "
     "does not have",
     kDiffusers},
};

/** A pipeline's class begins so. */
constexpr Foreign kPipelines[] = {
    {"Kolors", "Kolors, whose words come from ChatGLM3, a language model that this program does not have", kDiffusers},
    {"Kandinsky", "a Kandinsky model", kDiffusers},
    {"IF", "a DeepFloyd IF model, which draws pixels", kDiffusers},
    {"StableUnCLIP", "an unCLIP model, which reads pictures", kDiffusers},
    {"StableVideoDiffusion", "a Stable Video Diffusion model", kDiffusers},
    {"LDMTextToImage", "a latent diffusion model of before Stable Diffusion", kDiffusers},
    {"StableDiffusionLatentUpscale", "a latent upscaler", kDiffusers},
    {"StableDiffusionUpscale", "the x4 upscaler", kDiffusers},
};

[[noreturn]] void refuse(const std::filesystem::path& path, const Foreign& foreign, std::string_view sign) {
  fail(ErrorCode::unsupported_model, "model",
       fmt::format("{} is {} ({}); expected a Stable Diffusion 1, 2 or XL model{}{}", path.string(), foreign.what, sign,
                   foreign.remedy.empty() ? "" : "; ", foreign.remedy));
}

}  // namespace

void refuse_foreign(const io::Tensors& tensors, const std::filesystem::path& path) {
  for (const auto& foreign : kForeign)
    for (const auto& [name, view] : tensors)
      if (name.find(foreign.part) != std::string::npos) refuse(path, foreign, "tensor " + name);
}

void refuse_foreign_pipeline(std::string_view pipeline, const std::filesystem::path& folder) {
  for (const auto& foreign : kPipelines)
    if (pipeline.starts_with(foreign.part)) refuse(folder, foreign, pipeline);
}

}  // namespace corepulse::model
