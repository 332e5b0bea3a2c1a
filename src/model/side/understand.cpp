// A side network's shape, read off its tensors and held against the model's UNet.
#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/tensors/ldm_names.h"
#include "io/utf8.h"
#include "model/family.h"
#include "model/side/side_parts.h"
#include "nn/stored.h"
#include "unet/sites.h"

namespace corepulse::model {
namespace {

constexpr int kMostLayers = 64, kMostHints = 8;
constexpr int64_t kMostWidth = 1 << 16;

/** Reads sizes of one network. */
class Reader {
 public:
  explicit Reader(const SideFile& file) : file_(file) {}

  bool begins(const std::string& beginning) const {
    return std::any_of(file_.tensors.begin(), file_.tensors.end(),
                       [&](const auto& t) { return t.first.starts_with(beginning); });
  }
  int count(const std::string& prefix, int most) const {
    int n = 0;
    while (n < most && begins(fmt::format("{}{}.", prefix, n))) ++n;
    return n;
  }
  int size(const std::string& name, size_t axis) const {
    const auto found = file_.tensors.find(name);
    if (found == file_.tensors.end()) unsupported(fmt::format("tensor {} is missing (name as in Diffusers)", name));
    const auto& shape = found->second.shape;
    if (shape.size() <= axis || shape[axis] < 1 || shape[axis] > kMostWidth)
      unsupported(fmt::format("tensor {} has an impossible shape", name));
    return static_cast<int>(shape[axis]);
  }
  [[noreturn]] void unsupported(const std::string& message) const {
    fail(ErrorCode::unsupported_model, "controlnet", fmt::format("{}: {}", file_.path.string(), message));
  }

 private:
  const SideFile& file_;
};

/** Of the texts that its cross-attention reads; 0: it reads none. */
int text_width(const SideFile& file) {
  for (const auto& [name, view] : file.tensors)
    if (name.ends_with(".attn2.to_k.weight") && view.shape.size() > 1 && view.shape[1] <= kMostWidth)
      return static_cast<int>(view.shape[1]);
  return 0;
}

const char* family_of_width(int width) {
  return width == 768    ? "Stable Diffusion 1"
         : width == 1024 ? "Stable Diffusion 2"
         : width == 2048 ? "SDXL"
                         : "another";
}

/** Another family's networks are told by what they read and by their widths. */
void check_family(const Reader& reader, const SideFile& file, const unet::Config& unet) {
  const int width = text_width(file);
  if (width != 0 && width != unet.context_width)
    reader.unsupported(
        fmt::format("it reads texts of {} numbers a token, as networks for {} models do; this model's have {}: a "
                    "ControlNet goes with one family of models",
                    width, family_of_width(width), unet.context_width));
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

int depth(const Reader& reader, const std::string& attention) {
  return reader.count(attention + ".transformer_blocks.", kMostLayers);
}

/** The UNet's down half, with as many blocks in each place as the file has. */
unet::Config trunk_of(const Reader& reader, const unet::Config& unet) {
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

void read_hint(const Reader& reader, unet::ControlNetConfig& config) {
  const std::string hint = "controlnet_cond_embedding.";
  config.hint = {reader.size(hint + "conv_in.weight", 0)};
  config.hint_channels = reader.size(hint + "conv_in.weight", 1);
  for (int i = 1; i < 2 * kMostHints && reader.begins(fmt::format("{}blocks.{}.", hint, i)); i += 2)
    config.hint.push_back(reader.size(fmt::format("{}blocks.{}.weight", hint, i), 0));
  if (config.hint_channels != 3)
    reader.unsupported(fmt::format("it reads pictures of {} channels; expected 3", config.hint_channels));
}

/** A folder's config, where it says what no tensor shows. Null: it does not say. */
io::Json said(const io::Json& config, const char* field) {
  return config.is_object() ? config.value(field, io::Json()) : io::Json();
}

void check_config(const Reader& reader, const io::Json& config, const unet::Config& unet) {
  const auto refuse = [&](const char* field) {
    reader.unsupported(fmt::format("config.json: {} is {}; this is not supported", field,
                                   io::printable(said(config, field).dump(-1, ' ', true), 80)));
  };
  if (const auto order = said(config, "controlnet_conditioning_channel_order"); !order.is_null() && order != "rgb")
    refuse("controlnet_conditioning_channel_order");
  for (const char* field : {"class_embed_type", "encoder_hid_dim", "encoder_hid_dim_type"})
    if (!said(config, field).is_null()) refuse(field);
  if (const auto groups = said(config, "norm_num_groups"); !groups.is_null() && groups != unet.norm_groups)
    refuse("norm_num_groups");
  // Diffusers' name for the number of heads of models like these.
  const char* field = said(config, "num_attention_heads").is_null() ? "attention_head_dim" : "num_attention_heads";
  const auto heads = said(config, field);
  if (heads.is_null()) return;
  for (size_t b = 0; b < unet.levels.size(); ++b) {
    const auto one = heads.is_array() ? (b < heads.size() ? heads[b] : io::Json()) : heads;
    if (unet.levels[b].attends() && one != unet.levels[b].heads) refuse(field);
  }
}

/** As A1111 and ComfyUI know them: by their names. */
bool pools(const SideFile& file) {
  const auto config = said(file.config, "global_pool_conditions");
  if (config.is_boolean()) return config.get<bool>();
  const auto stem = file.path.stem().string();
  return stem.ends_with("_shuffle") || stem.ends_with("_shuffle_fp16");
}

}  // namespace

uint64_t SideParts::bytes(mx::Dtype dtype) const {
  uint64_t all = 0;
  for (const auto& [name, view] : file.tensors) all += nn::kept_bytes(view, dtype, true);
  return all;
}

SideParts understand_side(const std::filesystem::path& path, const Parts& model) {
  SideParts parts{.file = read_side_file(path), .what = "ControlNet", .config = {}, .skips = {}};
  const Reader reader(parts.file);
  check_family(reader, parts.file, model.unet);
  parts.config.trunk = trunk_of(reader, model.unet);
  read_hint(reader, parts.config);
  check_config(reader, parts.file.config, model.unet);
  if (parts.config.hint_downscale() != model.vae.downscale())
    reader.unsupported(fmt::format("it makes a picture {} times smaller; this model's latents are {} times smaller",
                                   parts.config.hint_downscale(), model.vae.downscale()));
  parts.pools = pools(parts.file);
  parts.skips.assign(unet::skips(model.unet).size(), true);
  const auto weights = nn::Weights::header(parts.file.tensors, "controlnet");
  const unet::ControlNet network(weights, parts.config);
  weights.require_all_taken();
  return parts;
}

std::shared_ptr<const unet::ControlNet> load_side(const SideParts& parts, mx::Dtype dtype) {
  for (const auto& mapping : parts.file.mappings) mapping->check_unchanged();
  const nn::Weights weights(parts.file.tensors, "controlnet", dtype, parts.file.mappings);
  auto network = std::make_shared<const unet::ControlNet>(weights, parts.config);
  weights.require_all_taken();
  return network;
}

}  // namespace corepulse::model
