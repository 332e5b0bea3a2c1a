// A side network's shape, read off its tensors and held against the model's UNet.
#include <algorithm>
#include <fmt/format.h>

#include "model/family.h"
#include "model/side/reader.h"
#include "model/side/side_parts.h"
#include "nn/stored.h"
#include "unet/sites.h"

namespace corepulse::model {
namespace {

constexpr int kMostHints = 8, kMostTypes = 64;

/** Another family's networks are told by what they read and by their widths. */
void check_family(const SideReader& reader, const io::Tensors& tensors, const unet::Config& unet) {
  const int width = text_width(tensors);
  const std::string family = family_of_text_width(width);
  if (width != 0 && width != unet.context_width)
    reader.unsupported(
        fmt::format("it reads texts of {} numbers a token, as networks for {} do; this model's have {}: a ControlNet "
                    "goes with one family of models",
                    width, family.empty() ? "other models" : family, unet.context_width));
  const int levels = reader.count("down_blocks.", kMostLayers);
  const bool fits = levels == static_cast<int>(unet.levels.size()) &&
                    reader.size("conv_in.weight", 0) == unet.levels[0].channels &&
                    reader.begins("add_embedding.") == (unet.addition_input > 0);
  if (!fits)
    reader.unsupported(
        fmt::format("it has {} levels of {} channels and up{}; this model's UNet has {} of {} and up{}: a ControlNet "
                    "goes with one family of models",
                    levels, reader.size("conv_in.weight", 0),
                    reader.begins("add_embedding.") ? ", and is told sizes as SDXL's" : "", unet.levels.size(),
                    unet.levels[0].channels, unet.addition_input > 0 ? ", and is told sizes" : ""));
}

int depth(const SideReader& reader, const std::string& attention) {
  return reader.count(attention + ".transformer_blocks.", kMostLayers);
}

/** The UNet's down half, with as many blocks in each place as the file has. */
unet::Config trunk_of(const SideReader& reader, const unet::Config& unet) {
  auto trunk = unet;
  for (size_t b = 0; b < trunk.levels.size(); ++b) {
    const auto block = fmt::format("down_blocks.{}", b);
    auto& down = trunk.levels[b].down;
    if (reader.count(block + ".resnets.", kMostLayers) != static_cast<int>(down.size()))
      reader.unsupported(
          fmt::format("{} has other layers than this model's; a ControlNet goes with one family", block));
    for (size_t l = 0; l < down.size(); ++l) down[l] = depth(reader, fmt::format("{}.attentions.{}", block, l));
  }
  trunk.middle_depth = depth(reader, "mid_block.attentions.0");
  if (unet.middle_resnets == 0) reader.unsupported("this model's UNet has no middle block, to which it would add");
  trunk.middle_resnets = reader.count("mid_block.resnets.", 3);
  if (trunk.middle_resnets < 1 || trunk.middle_resnets > 2)
    reader.unsupported("its middle block has neither one resnet nor two");
  trunk.in_channels = reader.size("conv_in.weight", 1);
  if (trunk.in_channels > unet.in_channels)
    reader.unsupported(
        fmt::format("it reads {} channels; this model's UNet is given {}", trunk.in_channels, unet.in_channels));
  if (!reader.begins("time_embedding.cond_proj.")) trunk.time_cond_width = 0;
  return trunk;
}

void read_hint(const SideReader& reader, unet::ControlNetConfig& config) {
  const std::string hint = "controlnet_cond_embedding.";
  config.hint = {reader.size(hint + "conv_in.weight", 0)};
  config.hint_channels = reader.size(hint + "conv_in.weight", 1);
  for (int i = 1; i < 2 * kMostHints && reader.begins(fmt::format("{}blocks.{}.", hint, i)); i += 2)
    config.hint.push_back(reader.size(fmt::format("{}blocks.{}.weight", hint, i), 0));
  if (config.hint_channels != 3)
    reader.unsupported(fmt::format("it reads pictures of {} channels; expected 3", config.hint_channels));
}

/** Union and ProMax are told what their picture is. */
void read_types(const SideReader& reader, unet::ControlNetConfig& config) {
  if (!reader.begins("task_embedding")) return;
  config.types = reader.size("task_embedding", 0);
  const int told = reader.size("control_add_embedding.linear_1.weight", 1);
  if (config.types > kMostTypes || told % config.types != 0 || told / config.types % 2 != 0)
    reader.unsupported(fmt::format("it tells {} types of pictures apart by {} numbers", config.types, told));
  config.type_width = told / config.types;
}

void check_config(const SideReader& reader, const unet::Config& unet) {
  if (const auto order = reader.said("controlnet_conditioning_channel_order"); !order.is_null() && order != "rgb")
    reader.refuse("controlnet_conditioning_channel_order");
  for (const char* field : {"class_embed_type", "encoder_hid_dim", "encoder_hid_dim_type"})
    if (!reader.said(field).is_null()) reader.refuse(field);
  if (const auto groups = reader.said("norm_num_groups"); !groups.is_null() && groups != unet.norm_groups)
    reader.refuse("norm_num_groups");
  // Diffusers' name for the number of heads of models like these.
  const char* field = reader.said("num_attention_heads").is_null() ? "attention_head_dim" : "num_attention_heads";
  const auto heads = reader.said(field);
  if (heads.is_null()) return;
  for (size_t b = 0; b < unet.levels.size(); ++b) {
    const auto one = heads.is_array() ? (b < heads.size() ? heads[b] : io::Json()) : heads;
    if (unet.levels[b].attends() && one != unet.levels[b].heads) reader.refuse(field);
  }
}

/** As A1111 and ComfyUI know them: by their names. */
bool pools(const SideReader& reader, const SideFile& file) {
  const auto config = reader.said("global_pool_conditions");
  if (config.is_boolean()) return config.get<bool>();
  const auto stem = file.path.stem().string();
  return stem.ends_with("_shuffle") || stem.ends_with("_shuffle_fp16");
}

void understand_control_net(SideParts& parts, const Parts& model) {
  complete_by_unet(parts, model);
  const SideReader reader(parts.tensors, parts.file);
  unet::ControlNetConfig config;
  check_family(reader, parts.tensors, model.unet);
  config.trunk = trunk_of(reader, model.unet);
  read_hint(reader, config);
  read_types(reader, config);
  check_config(reader, model.unet);
  if (config.hint_downscale() != model.vae.downscale())
    reader.unsupported(fmt::format("it makes a picture {} times smaller; this model's latents are {} times smaller",
                                   config.hint_downscale(), model.vae.downscale()));
  parts.what = side_kind(parts.file);
  parts.pools = pools(reader, parts.file);
  parts.skips.assign(unet::skips(model.unet).size(), true);
  parts.config = std::move(config);
}

std::shared_ptr<const SideNetwork> made(const SideParts& parts, const nn::Weights& weights) {
  if (const auto* config = std::get_if<unet::T2iAdapterConfig>(&parts.config))
    return std::make_shared<const SideNetwork>(std::in_place_type<unet::T2iAdapter>, weights, *config);
  return std::make_shared<const SideNetwork>(std::in_place_type<unet::ControlNet>, weights, *parts.control_net());
}

}  // namespace

int text_width(const io::Tensors& tensors) {
  for (const auto& [name, view] : tensors)
    if ((name.ends_with(".attn2.to_k.weight") || name.ends_with(".attn2.to_k.down")) && view.shape.size() > 1 &&
        view.shape[1] <= kMostWidth)
      return static_cast<int>(view.shape[1]);
  return 0;
}

std::string side_kind(const SideFile& file) {
  if (file.form == SideForm::t2i_adapter) return "T2I-Adapter";
  if (file.form == SideForm::control_lora) return "control-lora";
  const auto types = file.tensors.find("task_embedding");
  if (types == file.tensors.end() || types->second.shape.empty()) return "ControlNet";
  return fmt::format("ControlNet of {} types of pictures", types->second.shape[0]);
}

uint64_t SideParts::bytes(mx::Dtype dtype) const {
  uint64_t all = 0;
  for (const auto& [name, view] : tensors) all += nn::kept_bytes(view, dtype, true);
  return all;
}

SideParts understand_side(const std::filesystem::path& path, const Parts& model) {
  SideParts parts{.file = read_side_file(path), .what = {}, .config = {}, .tensors = {}, .mappings = {}};
  parts.tensors = parts.file.tensors, parts.mappings = parts.file.mappings;
  if (parts.file.form == SideForm::t2i_adapter)
    understand_t2i_adapter(parts, model);
  else
    understand_control_net(parts, model);
  const auto weights = nn::Weights::header(parts.tensors, "controlnet");
  made(parts, weights);
  weights.require_all_taken();
  return parts;
}

std::shared_ptr<const SideNetwork> load_side(const SideParts& parts, mx::Dtype dtype) {
  for (const auto& mapping : parts.mappings) mapping->check_unchanged();
  const nn::Weights weights(parts.tensors, "controlnet", dtype, parts.mappings, /*int8=*/false,
                            std::make_shared<nn::Made>(), parts.additions);
  auto network = made(parts, weights);
  weights.require_all_taken();
  return network;
}

}  // namespace corepulse::model
