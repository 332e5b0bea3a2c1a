// Finds a side network's tensors, says what is none, and gives all of them Diffusers' names.
#include <algorithm>
#include <fmt/format.h>

#include "base/ascii.h"
#include "base/fail.h"
#include "io/file.h"
#include "io/tensors/ldm_names.h"
#include "io/utf8.h"
#include "model/files/folder.h"
#include "model/files/scales.h"
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
    {"adapter.body.", "a T2I-Adapter"},
    {"body.0.block1.", "a T2I-Adapter"},
    {"body.0.in_conv.", "a T2I-Adapter"},
    {"lora_controlnet", "a control-lora"},
    {"task_embedding", "a ControlNet of several types (Union, ProMax)"},
    {"difference", "a ControlNet stored as the difference to a UNet"},
    {"up_blocks.", "a whole UNet"},
    {"output_blocks.", "a whole UNet"},
    {"first_stage_model.", "a whole model"},
};

void refuse_strangers(const io::Tensors& tensors, const fs::path& path) {
  for (const auto& stranger : kStrangers)
    for (const auto& [name, view] : tensors)
      if (name.find(stranger.part) != std::string::npos)
        fail(ErrorCode::unsupported_model, "controlnet",
             fmt::format("{} is {} (tensor {}); expected a ControlNet for Stable Diffusion 1, 2 or XL", path.string(),
                         stranger.what, io::printable(name, 120)));
}

/** N of "input_hint_block.N.weight", or -1. */
int hint_number(std::string_view name) {
  constexpr std::string_view kHint = "input_hint_block.";
  if (!name.starts_with(kHint) || name.size() > kHint.size() + 12) return -1;
  int number = 0;
  size_t at = kHint.size();
  for (; at < name.size() && is_digit(name[at]) && number < 1000; ++at) number = 10 * number + (name[at] - '0');
  return at > kHint.size() && at < name.size() && name[at] == '.' ? number : -1;
}

/** What LDM's files have beside a UNet's names. */
std::string of_ldm(const std::string& name, int last_hint) {
  const auto leaf = name.substr(name.rfind('.') + 1);
  if (const int n = hint_number(name); n >= 0) {
    const auto layer = n == 0           ? std::string("conv_in")
                       : n == last_hint ? "conv_out"
                                        : fmt::format("blocks.{}", n / 2 - 1);
    return n % 2 == 0 ? fmt::format("controlnet_cond_embedding.{}.{}", layer, leaf) : name;
  }
  for (const auto& [from, to] : {std::pair{"zero_convs.", "controlnet_down_blocks"},
                                 std::pair{"middle_block_out.0.", "controlnet_mid_block."}}) {
    const std::string_view start = from;
    if (!name.starts_with(start)) continue;
    if (start.starts_with("middle")) return to + leaf;
    const auto number = name.substr(start.size(), name.find('.', start.size()) - start.size());
    return name == fmt::format("zero_convs.{}.0.{}", number, leaf) ? fmt::format("{}.{}.{}", to, number, leaf) : name;
  }
  return name;
}

bool any_begins(const io::Tensors& tensors, std::string_view beginning) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const auto& t) { return t.first.starts_with(beginning); });
}

io::Tensors with_diffusers_names(const io::Tensors& tensors) {
  if (any_begins(tensors, "down_blocks.")) return tensors;
  int last_hint = 0;
  for (const auto& [name, view] : tensors) last_hint = std::max(last_hint, hint_number(name));
  io::Tensors own, trunk;
  for (const auto& [name, view] : tensors) {
    auto to = of_ldm(name, last_hint);
    (to == name ? trunk : own).emplace(std::move(to), view);
  }
  for (auto& [name, view] : io::to_diffusers(io::Naming::ldm_unet, trunk)) own.emplace(name, view);
  return own;
}

constexpr std::string_view kPrefix = "control_model.";

/** Takes the prefix off. */
void take_apart(io::Tensors tensors, SideFile& file) {
  io::Tensors bare;
  for (const auto& [name, view] : tensors) {
    const auto own = name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
    if (!bare.emplace(own, view).second)
      fail(ErrorCode::bad_file, "controlnet",
           fmt::format("{} holds two networks (tensor {})", file.path.string(), io::printable(own, 120)));
  }
  file.tensors = with_diffusers_names(bare);
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
  take_apart(take_scales(tensors, path), file);
  if (!any_begins(file.tensors, "controlnet_cond_embedding."))
    fail(
        ErrorCode::unsupported_model, "controlnet",
        fmt::format("{} is no ControlNet: it has no controlnet_cond_embedding (LDM: input_hint_block)", path.string()));
  return file;
}

}  // namespace corepulse::model
