#include "model/config/derive.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>
#include <vector>

#include "base/fail.h"
#include "model/family.h"

namespace corepulse::model {
namespace {

constexpr int kLevelLimit = 8, kMostLayers = 64, kMostSize = 1 << 20;
constexpr int kNormGroups = 32;  // of all families
constexpr int kHeadSize = 64;    // of all families but most UNets of SD1

/** Sizes read from the shapes of one network. */
class Shapes {
 public:
  Shapes(const io::Tensors& tensors, std::string_view where) : tensors_(tensors), where_(where) {
    for (const auto& [name, view] : tensors) names_.insert(name);
  }

  bool has(const std::string& name) const { return tensors_.contains(name); }
  /** Whether a tensor's name begins so: a module is there if anything of it is, so that what it lacks can be named. */
  bool begins(const std::string& beginning) const {
    const auto found = names_.lower_bound(beginning);
    return found != names_.end() && found->starts_with(beginning);
  }

  int size(const std::string& name, size_t axis) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
      unsupported(fmt::format("tensor {} is missing (name as in Diffusers); expected a complete network", name));
    const auto& shape = found->second.shape;
    if (shape.size() <= axis || shape[axis] < 1 || shape[axis] > kMostSize)
      unsupported(fmt::format("tensor {} has an impossible shape; expected at least {} dimensions from 1 to {}", name,
                              axis + 1, kMostSize));
    return static_cast<int>(shape[axis]);
  }

  /** How many modules prefix + "0", prefix + "1", ... there are. */
  int count(const std::string& prefix, int most) const {
    int n = 0;
    while (n < most && begins(fmt::format("{}{}.", prefix, n))) ++n;
    return n;
  }

  /** What no shape tells must be the family's, or be said. */
  void require_divides(int divisor, int channels, const char* what) const {
    if (channels % divisor != 0)
      unsupported(
          fmt::format("{} channels are no multiple of {}, the family's {}; give its config.json files: "
                      "--config FOLDER (a Diffusers folder)",
                      channels, divisor, what));
  }

  [[noreturn]] void unsupported(std::string_view message) const {
    fail(ErrorCode::unsupported_model, "model", fmt::format("{}: {}", where_, message));
  }

 private:
  const io::Tensors& tensors_;
  std::string_view where_;
  std::set<std::string_view> names_;
};

/** SDXS-512 alone of SD1's kin has heads of one size; it has no attention at its finest level, and no middle block. */
bool is_sdxs(const Shapes& shapes) {
  return !shapes.begins("mid_block.") && !shapes.begins("down_blocks.0.attentions.");
}

int heads(const Shapes& shapes, Family family, int channels) {
  if (family == Family::sd1 && !is_sdxs(shapes)) {
    shapes.require_divides(8, channels, "number of heads");
    return 8;
  }
  shapes.require_divides(kHeadSize, channels, "channels per head");
  return channels / kHeadSize;
}

int depth(const Shapes& shapes, const std::string& attention) {
  const int blocks = shapes.count(attention + ".transformer_blocks.", kMostLayers);
  if (blocks == 0 && shapes.begins(attention + "."))
    shapes.unsupported(fmt::format("{} is a transformer without blocks; expected one or more", attention));
  return blocks;
}

/** Of the transformers behind the resnets of a block; 0: none. Models that were cut down have others in each place. */
std::vector<int> depths(const Shapes& shapes, const std::string& block) {
  std::vector<int> result;
  for (int l = 0; l < shapes.count(block + ".resnets.", kMostLayers); ++l)
    result.push_back(depth(shapes, fmt::format("{}.attentions.{}", block, l)));
  return result;
}

/** Whether the first attention of a block's transformers looks at the picture; SDXS's finest reads the text. */
bool looks_at_itself(const Shapes& shapes, const std::string& block, const std::vector<int>& depths, int channels,
                     int context) {
  const auto first = std::ranges::find_if(depths, [](int d) { return d > 0; });
  if (first == depths.end()) return true;
  const auto key =
      fmt::format("{}.attentions.{}.transformer_blocks.0.attn1.to_k.weight", block, first - depths.begin());
  return channels == context || shapes.size(key, 1) != context;
}

unet::Level derive_level(const Shapes& shapes, Family family, int index, int levels, int context) {
  const auto down = fmt::format("down_blocks.{}", index), up = fmt::format("up_blocks.{}", levels - 1 - index);
  unet::Level level;
  level.channels = shapes.size(down + ".resnets.0.conv1.weight", 0);
  shapes.require_divides(kNormGroups, level.channels, "number of groups");
  level.down = depths(shapes, down), level.up = depths(shapes, up);
  if (level.up.size() != level.down.size() + 1)
    shapes.unsupported(
        fmt::format("{} has {} resnets, where the {} of {} imply {}: a UNet that this program does not "
                    "know, or an incomplete one",
                    up, level.up.size(), level.down.size(), down, level.down.size() + 1));
  level.self = looks_at_itself(shapes, down, level.down, level.channels, context) &&
               looks_at_itself(shapes, up, level.up, level.channels, context);
  level.heads = level.attends() ? heads(shapes, family, level.channels) : 1;
  return level;
}

void derive_middle(const Shapes& shapes, Family family, unet::Config& config) {
  config.middle_resnets = shapes.count("mid_block.resnets.", kMostLayers);
  config.middle_depth = depth(shapes, "mid_block.attentions.0");
  if (config.middle_resnets > 2 || (config.middle_depth > 0 && config.middle_resnets < 2))
    shapes.unsupported(fmt::format("the middle block has {} resnets; expected two around a transformer, one or none",
                                   config.middle_resnets));
  config.middle_heads = config.middle_depth > 0 ? heads(shapes, family, config.levels.back().channels) : 1;
}

}  // namespace

unet::Config derive_unet(const io::Tensors& tensors, Family family, std::string_view where) {
  const Shapes shapes(tensors, where);
  unet::Config config;
  config.in_channels = shapes.size("conv_in.weight", 1);
  config.out_channels = shapes.size("conv_out.weight", 0);
  const int levels = shapes.count("down_blocks.", kLevelLimit);
  config.context_width = static_cast<int>(context_width(tensors));
  for (int i = 0; i < std::max(1, levels); ++i)
    config.levels.push_back(derive_level(shapes, family, i, levels, config.context_width));
  derive_middle(shapes, family, config);
  config.linear_projection = family != Family::sd1;
  config.upcast_attention = family == Family::sd2;  // SD2.1 overflows float16 without
  if (shapes.begins("add_embedding.")) {
    config.addition_time_width = 256;
    config.addition_input = shapes.size("add_embedding.linear_1.weight", 1);
  }
  if (shapes.has("time_embedding.cond_proj.weight"))
    config.time_cond_width = shapes.size("time_embedding.cond_proj.weight", 1);
  config.sample_size = family == Family::sdxl || family == Family::sdxl_refiner ? 128 : 64;
  return config;
}

vae::Config derive_vae(const io::Tensors& tensors, Family family, std::string_view where) {
  const Shapes shapes(tensors, where);
  const bool sdxl = family == Family::sdxl || family == Family::sdxl_refiner;
  vae::Config config;
  config.in_channels = shapes.size("encoder.conv_in.weight", 1);
  config.out_channels = shapes.size("decoder.conv_out.weight", 0);
  config.latent_channels = shapes.size("decoder.conv_in.weight", 1);
  const int levels = shapes.count("encoder.down_blocks.", kLevelLimit);
  config.channels.clear();
  for (int i = 0; i < std::max(1, levels); ++i) {
    config.channels.push_back(shapes.size(fmt::format("encoder.down_blocks.{}.resnets.0.conv1.weight", i), 0));
    shapes.require_divides(kNormGroups, config.channels.back(), "number of groups");
  }
  config.layers_per_block = shapes.count("encoder.down_blocks.0.resnets.", kMostLayers);
  config.quant_conv = shapes.begins("quant_conv.");
  config.post_quant_conv = shapes.begins("post_quant_conv.");
  config.middle_attention = shapes.begins("encoder.mid_block.attentions.");
  config.scaling_factor = sdxl ? 0.13025f : 0.18215f;
  config.force_float32 = sdxl;
  config.sample_size = sdxl ? 1024 : 512;
  return config;
}

text::Config derive_text(const io::Tensors& tensors, text::Activation activation, std::string_view where) {
  const Shapes shapes(tensors, where);
  text::Config config;
  const std::string embeddings = "text_model.embeddings.", layers = "text_model.encoder.layers.";
  config.vocabulary = shapes.size(embeddings + "token_embedding.weight", 0);
  config.width = shapes.size(embeddings + "token_embedding.weight", 1);
  config.positions = shapes.size(embeddings + "position_embedding.weight", 0);
  config.layers = shapes.count(layers, kMostLayers);
  config.mlp_width = shapes.size(layers + "0.mlp.fc1.weight", 0);
  shapes.require_divides(kHeadSize, config.width, "channels per head");
  config.heads = config.width / kHeadSize;
  config.activation = activation;
  if (const auto projection = tensors.find("text_projection.weight"); projection != tensors.end())
    config.projection = shapes.size("text_projection.weight", projection->second.transposed ? 1 : 0);
  return config;
}

}  // namespace corepulse::model
