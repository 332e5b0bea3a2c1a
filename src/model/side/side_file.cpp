// Finds a side network's tensors, and says what is none.
#include <fmt/format.h>

#include "base/fail.h"
#include "io/file.h"
#include "io/utf8.h"
#include "model/files/folder.h"
#include "model/files/scales.h"
#include "model/side/names.h"
#include "model/side/side_parts.h"

namespace corepulse::model {
namespace {

namespace fs = std::filesystem;

/** Files that are something else; `part` of a name is enough. The first that fits names the file. */
struct Stranger {
  std::string_view part, what;
};

constexpr Stranger kStrangers[] = {
    {"lllite_", "a ControlNet-LLLite, which changes attention layers' inputs instead"},
    {"ip_adapter.", "an IP-Adapter, which makes words of pictures"},
    {"image_proj.", "an IP-Adapter, which makes words of pictures"},
    {"motion_modules.", "an AnimateDiff motion module or a SparseCtrl"},
    {"controlnet_x_embedder.", "a ControlNet for Flux or another transformer"},
    {"double_blocks.", "a ControlNet for Flux"},
    {"single_transformer_blocks.", "a ControlNet for Flux"},
    {"joint_blocks.", "a ControlNet for Stable Diffusion 3"},
    {"pos_embed_input.", "a ControlNet for Stable Diffusion 3 or another transformer"},
    {"copied_block", "a ControlNet for PixArt or HunyuanDiT"},
    {"lora_unet_", "a LoRA: give it as --lora FILE"},
    {".lora_A.", "a LoRA: give it as --lora FILE"},
    {"style_embedding", "a T2I-Adapter of style, which makes words of CLIP's look at a picture"},
    {"spatial_feat_mapping", "the fuser of CoAdapters, which joins others"},
    {"backbone.0.0.", "a ControlNet for Stable Cascade"},
    {"up_blocks.", "a whole UNet"},
    {"output_blocks.", "a whole UNet"},
    {"first_stage_model.", "a whole model"},
};

void refuse_strangers(const io::Tensors& tensors, const fs::path& path) {
  for (const auto& stranger : kStrangers)
    for (const auto& [name, view] : tensors)
      if (name.find(stranger.part) != std::string::npos)
        fail(ErrorCode::unsupported_model, "controlnet",
             fmt::format("{} is {} (tensor {}); expected a ControlNet, a control-lora or a T2I-Adapter for Stable "
                         "Diffusion 1, 2 or XL",
                         path.string(), stranger.what, io::printable(name, 120)));
}

}  // namespace

SideFile read_side_file(const fs::path& path) {
  std::error_code ignored;
  SideFile file{.path = path, .tensors = {}, .mappings = {}, .config = {}};
  if (!io::is_there(path))
    fail(ErrorCode::not_found, "controlnet",
         fmt::format("there is no {}; expected a safetensors file or a folder of Diffusers'",
                     io::printable(path.string(), 300)));
  const bool folder = fs::is_directory(path, ignored);
  io::Tensors tensors;
  if (folder && io::is_there(path / "config.json")) {
    auto component = read_component(path, "");
    tensors = std::move(component.weights.tensors);
    file.config = std::move(component.config), file.mappings = std::move(component.weights.mappings);
  } else {
    const auto single = folder ? only_weights_file(path) : std::optional(path);
    if (!single)
      fail(ErrorCode::not_found, "controlnet",
           fmt::format("{} has neither a config.json nor one .safetensors file alone", path.string()));
    auto opened = io::open_safetensors(*single);
    tensors = std::move(opened.tensors), file.mappings = {opened.mapping};
  }
  refuse_strangers(tensors, path);
  for (const auto& mapping : file.mappings) mapping->check_unchanged();
  file.tensors = side_tensors(take_scales(tensors, path), path, file.form);
  if (file.form != SideForm::t2i_adapter && !some_begins(file.tensors, "controlnet_cond_embedding."))
    fail(ErrorCode::unsupported_model, "controlnet",
         fmt::format("{} is neither a ControlNet nor a T2I-Adapter: it has no controlnet_cond_embedding (LDM: "
                     "input_hint_block) and no body",
                     path.string()));
  return file;
}

}  // namespace corepulse::model
