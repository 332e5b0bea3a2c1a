// An IP-Adapter's shape, read off its tensors and held against the model's UNet.
#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/file.h"
#include "io/tensors/safetensors.h"
#include "io/utf8.h"
#include "model/family.h"
#include "model/files/scales.h"
#include "model/files/tensor_sizes.h"
#include "model/pictures/picture_adapter.h"
#include "nn/stored.h"
#include "unet/sites.h"

namespace corepulse::model {
namespace {

namespace fs = std::filesystem;
using Kind = vision::IpAdapterConfig::Kind;

constexpr int kMostResamplerLayers = 64;
constexpr const char* kAdapter = "picture_prompt";

/** Files that are something else; `part` of a name is enough. The first that fits names the file. */
constexpr std::pair<std::string_view, const char*> kOthers[] = {
    {"image_proj.perceiver_resampler.", "a FaceID Plus adapter, which reads a face's vector and its picture together"},
    {"controlnet_cond_embedding.", "a ControlNet: give it as --controlnet FILE=PICTURE"},
    {"control_model.", "a ControlNet: give it as --controlnet FILE=PICTURE"},
    {"lora_unet_", "a LoRA: give it as --lora FILE"},
    {"double_blocks.", "an adapter for Flux"},
    {"adapter_modules.", "an adapter in a layout of training code"},
    {"vision_model.", "CLIP's vision encoder, which an IP-Adapter reads: give it as its encoder"}};

TensorSizes sizes_of(const PictureAdapterParts& parts) {
  return {parts.tensors, parts.path, {.part = kAdapter}};
}

int whole_number_of(int all, int each, const TensorSizes& sizes) {
  if (all % each != 0) sizes.unsupported(fmt::format("its projection makes {} numbers, no multiple of {}", all, each));
  return all / each;
}

void read_resampler(const TensorSizes& sizes, vision::IpAdapterConfig& config) {
  config.tokens = sizes.size("image_proj.latents", 1), config.inner = sizes.size("image_proj.latents", 2);
  config.input = sizes.size("image_proj.proj_in.weight", 1);
  config.context_width = sizes.size("image_proj.proj_out.weight", 0);
  config.layers = sizes.count("image_proj.layers.", kMostResamplerLayers);
  config.heads = whole_number_of(sizes.size("image_proj.layers.0.0.to_q.weight", 0), config.head_size, sizes);
  config.mlp = sizes.size("image_proj.layers.0.1.1.weight", 0);
}

/** What is read of a picture, told by what reads it. */
vision::IpAdapterConfig projection_of(const TensorSizes& sizes) {
  vision::IpAdapterConfig config;
  if (sizes.has("image_proj.proj.weight")) {
    config.kind = Kind::base;
    config.context_width = sizes.size("image_proj.norm.weight", 0);
    config.tokens = whole_number_of(sizes.size("image_proj.proj.weight", 0), config.context_width, sizes);
    config.input = sizes.size("image_proj.proj.weight", 1);
  } else if (sizes.has("image_proj.latents")) {
    config.kind = Kind::plus;
    read_resampler(sizes, config);
  } else if (sizes.has("image_proj.proj.0.weight")) {
    config.kind = sizes.has("image_proj.proj.3.weight") ? Kind::full_face : Kind::face_id;
    config.inner = sizes.size("image_proj.proj.0.weight", 0), config.input = sizes.size("image_proj.proj.0.weight", 1);
    const bool patches = config.kind == Kind::full_face;
    config.context_width = sizes.size(patches ? "image_proj.proj.3.weight" : "image_proj.norm.weight", 0);
    if (!patches)
      config.tokens = whole_number_of(sizes.size("image_proj.proj.2.weight", 0), config.context_width, sizes);
  } else {
    sizes.unsupported("it is no IP-Adapter: what makes tokens of a picture (image_proj) is of no known kind");
  }
  return config;
}

const char* name_of_kind(Kind kind) {
  switch (kind) {
    case Kind::base:
      return "IP-Adapter";
    case Kind::plus:
      return "IP-Adapter Plus";
    case Kind::full_face:
      return "IP-Adapter full-face";
    default:
      return "IP-Adapter FaceID";
  }
}

/** The UNet's cross-attention in the order of its modules, which the files count by: the middle block is the last. */
std::vector<control::Site> sites_in_order(const unet::Config& unet) {
  std::vector<control::Site> ordered;
  const auto all = unet::sites(unet);
  for (const auto kind : {control::BlockKind::input, control::BlockKind::output, control::BlockKind::middle})
    std::copy_if(all.begin(), all.end(), std::back_inserter(ordered),
                 [=](const auto& site) { return site.cross && site.kind == kind; });
  return ordered;
}

/** Places of the keys and values, and their widths. */
void fit_to(const unet::Config& unet, const TensorSizes& sizes, PictureAdapterParts& parts) {
  const std::string family = family_of_text_width(parts.config.context_width);
  if (parts.config.context_width != unet.context_width)
    sizes.unsupported(
        fmt::format("it makes tokens of {} numbers, as adapters for {} models do; this model's texts have {}: an "
                    "IP-Adapter goes with one family of models",
                    parts.config.context_width, family.empty() ? "other" : family, unet.context_width));
  const auto sites = sites_in_order(unet);
  int number = 1;
  for (const auto& site : sites) {
    const auto name = fmt::format("ip_adapter.{}.to_k_ip.weight", number);
    const int channels = unet.levels[static_cast<size_t>(site.level)].channels;
    if (!sizes.has(name) || sizes.size(name, 0) != channels)
      sizes.unsupported(
          fmt::format("{} is not of {} channels, as {} is; this model has {} cross-attention layers: an "
                      "IP-Adapter goes with one family of models",
                      name, channels, site.path, sites.size()));
    parts.config.channels.push_back(channels);
    parts.sites.push_back(site.index);
    number += 2;
  }
}

void open_file(PictureAdapterParts& parts) {
  const auto& path = parts.path;
  if (!io::is_there(path))
    fail(ErrorCode::not_found, kAdapter,
         fmt::format("there is no {}; expected an IP-Adapter's safetensors file", io::printable(path.string(), 300)));
  auto opened = io::open_safetensors(path);
  for (const auto& [part, what] : kOthers)
    for (const auto& [name, view] : opened.tensors)
      if (name.find(part) != std::string::npos)
        fail(ErrorCode::unsupported_model, kAdapter,
             fmt::format("{} is {} (tensor {}); expected an IP-Adapter for Stable Diffusion 1, 2 or XL", path.string(),
                         what, io::printable(name, 120)));
  opened.mapping->check_unchanged();
  parts.tensors = take_scales(opened.tensors, path), parts.mappings = {opened.mapping};
}

/** FaceID's files may hold a LoRA that goes with them. */
void refuse_lora(const PictureAdapterParts& parts) {
  for (const auto& [name, view] : parts.tensors)
    if (name.find("_lora.") != std::string::npos)
      fail(ErrorCode::unsupported_model, kAdapter,
           fmt::format("{} holds a LoRA beside the adapter (tensor {}), which is not read from there; expected the "
                       "adapter alone, and the LoRA of its collection (..._lora.safetensors) as --lora",
                       parts.path.string(), io::printable(name, 120)));
}

}  // namespace

uint64_t PictureAdapterParts::bytes(mx::Dtype dtype) const {
  uint64_t all = 0;
  for (const auto& [name, view] : tensors) all += nn::kept_bytes(view, dtype, true);
  return all;
}

PictureAdapterParts read_picture_adapter(const fs::path& path) {
  PictureAdapterParts parts{.path = path, .tensors = {}, .mappings = {}, .config = {}, .what = {}, .sites = {}};
  open_file(parts);
  const auto sizes = sizes_of(parts);
  if (!sizes.begins("image_proj.") || !sizes.begins("ip_adapter."))
    sizes.unsupported("it is no IP-Adapter: it lacks image_proj or ip_adapter");
  parts.config = projection_of(sizes);
  parts.what = name_of_kind(parts.config.kind);
  refuse_lora(parts);
  return parts;
}

PictureAdapterParts understand_picture_adapter(const fs::path& path, const Parts& model) {
  auto parts = read_picture_adapter(path);
  fit_to(model.unet, sizes_of(parts), parts);
  const auto weights = nn::Weights::header(parts.tensors, kAdapter);
  const vision::IpAdapter adapter(weights, parts.config);
  weights.require_all_taken();
  return parts;
}

std::shared_ptr<const vision::IpAdapter> load_picture_adapter(const PictureAdapterParts& parts, mx::Dtype dtype) {
  for (const auto& mapping : parts.mappings) mapping->check_unchanged();
  const nn::Weights weights(parts.tensors, kAdapter, dtype, parts.mappings);
  auto adapter = std::make_shared<const vision::IpAdapter>(weights, parts.config);
  weights.require_all_taken();
  return adapter;
}

}  // namespace corepulse::model
