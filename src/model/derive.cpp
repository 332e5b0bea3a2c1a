#include "model/derive.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "model/family.h"

namespace corepulse::model {
namespace {

constexpr int kMostLevels = 8, kMostLayers = 64, kMostSize = 1 << 20;
constexpr int kGroups = 32;    // of all families
constexpr int kHeadSize = 64;  // of all families but SD1's UNet

/** Sizes read from the shapes of one network. */
struct Shapes {
  const io::Tensors& tensors;
  std::string_view where;

  bool has(const std::string& name) const { return tensors.contains(name); }

  int size(const std::string& name, size_t axis) const {
    const auto found = tensors.find(name);
    if (found == tensors.end())
      fail(ErrorCode::unsupported_model, "model",
           fmt::format("{}: tensor {} is missing (name as in Diffusers); expected a complete network", where, name));
    const auto& shape = found->second.shape;
    if (shape.size() <= axis || shape[axis] < 1 || shape[axis] > kMostSize)
      fail(ErrorCode::unsupported_model, "model",
           fmt::format("{}: tensor {} has an impossible shape; expected at least {} dimensions from 1 to {}", where,
                       name, axis + 1, kMostSize));
    return static_cast<int>(shape[axis]);
  }

  /** How many of prefix + "0" + suffix, prefix + "1" + suffix, ... there are. */
  int count(const std::string& prefix, const std::string& suffix, int most) const {
    int n = 0;
    while (n < most && has(fmt::format("{}{}{}", prefix, n, suffix))) ++n;
    return n;
  }

  /** What no shape tells must be the family's, or be said. */
  void require_divides(int divisor, int channels, const char* what) const {
    if (channels % divisor != 0)
      fail(ErrorCode::unsupported_model, "model",
           fmt::format("{}: {} channels are no multiple of {}, the family's {}; give its config.json files: "
                       "--config FOLDER (a Diffusers folder)",
                       where, channels, divisor, what));
  }
};

int heads(const Shapes& shapes, Family family, int channels) {
  if (family == Family::sd1) {
    shapes.require_divides(8, channels, "number of heads");
    return 8;
  }
  shapes.require_divides(kHeadSize, channels, "channels per head");
  return channels / kHeadSize;
}

int depth(const Shapes& shapes, const std::string& attention) {
  return shapes.count(attention + ".transformer_blocks.", ".norm1.weight", kMostLayers);
}

unet::Level derive_level(const Shapes& shapes, Family family, int index, int levels) {
  const auto down = fmt::format("down_blocks.{}.", index), up = fmt::format("up_blocks.{}.", levels - 1 - index);
  unet::Level level;
  level.channels = shapes.size(down + "resnets.0.conv1.weight", 0);
  shapes.require_divides(kGroups, level.channels, "number of groups");
  const int down_depth = depth(shapes, down + "attentions.0"), up_depth = depth(shapes, up + "attentions.0");
  level.down_attention = down_depth > 0;
  level.up_attention = up_depth > 0;
  level.depth = std::max({1, down_depth, up_depth});
  level.heads = down_depth + up_depth > 0 ? heads(shapes, family, level.channels) : 1;
  return level;
}

}  // namespace

unet::Config derive_unet(const io::Tensors& tensors, Family family, std::string_view where) {
  const Shapes shapes{tensors, where};
  unet::Config config;
  config.in_channels = shapes.size("conv_in.weight", 1);
  config.out_channels = shapes.size("conv_out.weight", 0);
  const int levels = shapes.count("down_blocks.", ".resnets.0.conv1.weight", kMostLevels);
  for (int i = 0; i < std::max(1, levels); ++i) config.levels.push_back(derive_level(shapes, family, i, levels));
  config.layers_per_block = shapes.count("down_blocks.0.resnets.", ".conv1.weight", kMostLayers);
  config.middle_depth = depth(shapes, "mid_block.attentions.0");
  config.middle_attention = config.middle_depth > 0;
  config.middle_heads = config.middle_attention ? heads(shapes, family, config.levels.back().channels) : 1;
  config.context_width = static_cast<int>(context_width(tensors));
  config.linear_projection = family != Family::sd1;
  config.upcast_attention = family == Family::sd2;  // SD2.1 overflows float16 without
  if (shapes.has("add_embedding.linear_1.weight")) {
    config.addition_time_width = 256;
    config.addition_input = shapes.size("add_embedding.linear_1.weight", 1);
  }
  if (shapes.has("time_embedding.cond_proj.weight"))
    config.time_cond_width = shapes.size("time_embedding.cond_proj.weight", 1);
  config.sample_size = family == Family::sdxl || family == Family::sdxl_refiner ? 128 : 64;
  return config;
}

vae::Config derive_vae(const io::Tensors& tensors, Family family, std::string_view where) {
  const Shapes shapes{tensors, where};
  const bool sdxl = family == Family::sdxl || family == Family::sdxl_refiner;
  vae::Config config;
  config.in_channels = shapes.size("encoder.conv_in.weight", 1);
  config.out_channels = shapes.size("decoder.conv_out.weight", 0);
  config.latent_channels = shapes.size("decoder.conv_in.weight", 1);
  const int levels = shapes.count("encoder.down_blocks.", ".resnets.0.conv1.weight", kMostLevels);
  config.channels.clear();
  for (int i = 0; i < std::max(1, levels); ++i) {
    config.channels.push_back(shapes.size(fmt::format("encoder.down_blocks.{}.resnets.0.conv1.weight", i), 0));
    shapes.require_divides(kGroups, config.channels.back(), "number of groups");
  }
  config.layers_per_block = shapes.count("encoder.down_blocks.0.resnets.", ".conv1.weight", kMostLayers);
  config.quant_conv = shapes.has("quant_conv.weight");
  config.post_quant_conv = shapes.has("post_quant_conv.weight");
  config.middle_attention = shapes.has("encoder.mid_block.attentions.0.to_q.weight");
  config.scaling_factor = sdxl ? 0.13025f : 0.18215f;
  config.force_float32 = sdxl;
  config.sample_size = sdxl ? 1024 : 512;
  return config;
}

text::Config derive_text(const io::Tensors& tensors, text::Activation activation, std::string_view where) {
  const Shapes shapes{tensors, where};
  text::Config config;
  const std::string embeddings = "text_model.embeddings.", layers = "text_model.encoder.layers.";
  config.vocabulary = shapes.size(embeddings + "token_embedding.weight", 0);
  config.width = shapes.size(embeddings + "token_embedding.weight", 1);
  config.positions = shapes.size(embeddings + "position_embedding.weight", 0);
  config.layers = shapes.count(layers, ".layer_norm1.weight", kMostLayers);
  config.mlp_width = shapes.size(layers + "0.mlp.fc1.weight", 0);
  shapes.require_divides(kHeadSize, config.width, "channels per head");
  config.heads = config.width / kHeadSize;
  config.activation = activation;
  if (const auto projection = tensors.find("text_projection.weight"); projection != tensors.end())
    config.projection = shapes.size("text_projection.weight", projection->second.transposed ? 1 : 0);
  return config;
}

}  // namespace corepulse::model
