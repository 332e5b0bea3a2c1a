#include "model/config/config_json.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "io/fields.h"

namespace corepulse::model {
namespace {

using io::Fields, io::Fixed, io::Range;

constexpr Range kChannels{1, 16384}, kLayers{1, 16}, kGroups{1, 1024}, kHeads{1, 1024}, kDepth{0, 64};
constexpr Range kWidth{1, 65536}, kPictureChannels{1, 64}, kSize{1, 8192};
constexpr size_t kMostLevels = 8;
constexpr int kMostHeadSize = 512;  // what the attention kernel takes

// What UNet2DConditionModel can be and this program cannot.
constexpr Fixed kUNetFixed[] = {
    {"act_fn", R"(["silu", "swish"])"},
    {"addition_embed_type", R"([null, "text_time"])"},
    {"attention_type", R"(["default"])"},
    {"center_input_sample", "[false]"},
    {"class_embed_type", "[null]"},
    {"class_embeddings_concat", "[false]"},
    {"conv_in_kernel", "[3]"},
    {"conv_out_kernel", "[3]"},
    {"cross_attention_norm", "[null]"},
    {"dual_cross_attention", "[false]"},
    {"encoder_hid_dim", "[null]"},
    {"encoder_hid_dim_type", "[null]"},
    {"mid_block_only_cross_attention", "[null, false]"},
    {"mid_block_scale_factor", "[1]"},
    {"num_attention_heads", "[null]"},
    {"num_class_embeds", "[null]"},
    {"resnet_out_scale_factor", "[1]"},
    {"resnet_skip_time_act", "[false]"},
    {"resnet_time_scale_shift", R"(["default"])"},
    {"time_embedding_act_fn", "[null]"},
    {"time_embedding_type", R"(["positional"])"},
    {"timestep_post_act", "[null]"},
};
// Dropout acts in training only; the others belong to choices refused above.
constexpr const char* kUNetIgnored[] = {"dropout", "addition_embed_type_num_heads"};

constexpr Fixed kVaeFixed[] = {{"act_fn", R"(["silu", "swish"])"}};

void check_divides(const Fields& fields, const char* field, int divisor, const std::vector<int>& channels) {
  for (const int c : channels)
    if (c % divisor != 0)
      fields.bad(field, fmt::format("a number that divides every one of block_out_channels ([{}])",
                                    fmt::join(channels, ", ")));
}

int norm_groups(const Fields& fields, const std::vector<int>& channels) {
  if (fields.is_null("norm_num_groups")) fields.unsupported("norm_num_groups", "a number of groups");
  const int groups = fields.integer("norm_num_groups", 32, kGroups);
  check_divides(fields, "norm_num_groups", groups, channels);
  return groups;
}

/** One block type per level: whether each has attention. */
std::vector<bool> attention_levels(const Fields& fields, const char* field, const char* with, const char* without,
                                   const std::vector<std::string>& fallback, size_t levels) {
  const auto types = fields.texts(field, fallback, kMostLevels);
  if (types.size() != levels)
    fields.bad(field, fmt::format("{} block types, as block_out_channels has levels", levels));
  std::vector<bool> attention;
  for (const auto& type : types) {
    if (type != with && type != without) fields.unsupported(field, fmt::format("{} and {}", with, without));
    attention.push_back(type == with);
  }
  return attention;
}

int square_size(const Fields& fields, int fallback) {
  return fields.has("sample_size") ? fields.uniform("sample_size", fallback, kSize) : fallback;
}

void note_unread(const Fields& fields, std::vector<std::string>& notes) {
  const auto unread = fields.unread();
  if (!unread.empty())
    notes.push_back(
        fmt::format("{}: unknown fields, ignored as Diffusers does: {}", fields.where(), fmt::join(unread, ", ")));
}

/** One number for each layer of each level, where one for a level, or for all, stands for all of its layers. */
std::vector<std::vector<int>> per_layer(const Fields& fields, const char* name, const std::vector<int>& layers) {
  const auto given = fields.nested(name, 1, layers.size(), kDepth);
  std::vector<std::vector<int>> result;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (given[i].size() > 1 && given[i].size() != static_cast<size_t>(layers[i]))
      fields.bad(name, fmt::format("one number for each block, or as many as the block has layers: block {} has {}", i,
                                   layers[i]));
    result.push_back(given[i].size() == 1 ? std::vector<int>(layers[i], given[i][0]) : given[i]);
  }
  return result;
}

/** Of the blocks' attentions, by level from the finest; all 0 where `types` has none. */
std::vector<std::vector<int>> with_attention(const Fields& fields, const char* name,
                                             std::vector<std::vector<int>> depths, const std::vector<bool>& types) {
  for (size_t i = 0; i < depths.size(); ++i)
    for (auto& depth : depths[i]) {
      if (types[i] && depth == 0) fields.bad(name, "1 or more where the block has attention");
      if (!types[i]) depth = 0;
    }
  return depths;
}

struct Depths {
  std::vector<std::vector<int>> down, up;  ///< By level from the finest.
  int middle = 1;
};

/** @param layers of the down blocks. @param down, up which blocks have attention, in their own order. */
Depths read_depths(const Fields& fields, const std::vector<int>& layers, const std::vector<bool>& down,
                   const std::vector<bool>& up) {
  constexpr const char *own = "transformer_layers_per_block", *reverse = "reverse_transformer_layers_per_block";
  std::vector<int> up_layers;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) up_layers.push_back(*layer + 1);
  Depths result;
  result.down = with_attention(fields, own, per_layer(fields, own, layers), down);
  const auto given = fields.nested(own, 1, layers.size(), kDepth);
  result.middle = given.back().front();
  if (fields.has(reverse)) {
    result.up = with_attention(fields, reverse, per_layer(fields, reverse, up_layers), up);
    std::ranges::reverse(result.up);
    return result;
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    if (given[i].size() > 1) fields.bad(own, fmt::format("lists in it only beside {}", reverse));
    result.up.emplace_back(layers[i] + 1, up[layers.size() - 1 - i] ? given[i][0] : 0);
  }
  return result;
}

/** Whether attn1 looks at the picture, by level. */
std::vector<bool> read_self(const Fields& fields, size_t levels) {
  const auto text = fields.flags("only_cross_attention", false, levels);
  std::vector<bool> self;
  for (const bool only : text) self.push_back(!only);
  return self;
}

void read_middle(const Fields& fields, int depth, unet::Config& config) {
  const auto type = fields.is_null("mid_block_type") ? "" : fields.text("mid_block_type", "UNetMidBlock2DCrossAttn");
  if (type != "" && type != "UNetMidBlock2DCrossAttn" && type != "UNetMidBlock2D")
    fields.unsupported("mid_block_type", "UNetMidBlock2DCrossAttn, UNetMidBlock2D and null");
  config.middle_resnets = type.empty() ? 0 : type == "UNetMidBlock2D" ? 1 : 2;
  config.middle_depth = config.middle_resnets == 2 ? depth : 0;
  if (config.middle_resnets == 2 && depth == 0)
    fields.bad("transformer_layers_per_block", "1 or more for the middle block");
  config.middle_heads = config.middle_depth > 0 ? config.levels.back().heads : 1;
}

void read_levels(const Fields& fields, unet::Config& config) {
  const auto channels = fields.list("block_out_channels", {320, 640, 1280, 1280}, kMostLevels, kChannels);
  const size_t levels = channels.size();
  const std::string cross = "CrossAttnDownBlock2D", cross_up = "CrossAttnUpBlock2D";
  const auto down = attention_levels(fields, "down_block_types", "CrossAttnDownBlock2D", "DownBlock2D",
                                     {cross, cross, cross, "DownBlock2D"}, levels);
  const auto up = attention_levels(fields, "up_block_types", "CrossAttnUpBlock2D", "UpBlock2D",
                                   {"UpBlock2D", cross_up, cross_up, cross_up}, levels);
  // Diffusers' field attention_head_dim means the number of heads (its issue 2011).
  if (fields.is_null("attention_head_dim")) fields.bad("attention_head_dim", "the number of heads");
  const auto heads = fields.integers("attention_head_dim", 8, levels, kHeads);
  const auto depths = read_depths(fields, fields.integers("layers_per_block", 2, levels, kLayers), down, up);
  const auto self = read_self(fields, levels);
  config.norm_groups = norm_groups(fields, channels);
  const bool middle = !fields.is_null("mid_block_type");
  for (size_t i = 0; i < levels; ++i) {
    const unet::Level level{channels[i], heads[i], depths.down[i], depths.up[i], self[i]};
    const bool attends = level.attends() || (middle && i + 1 == levels);
    if (attends && (channels[i] % heads[i] != 0 || channels[i] / heads[i] > kMostHeadSize))
      fields.bad("attention_head_dim",
                 fmt::format("numbers of heads that divide block_out_channels ([{}]) into heads of at most {}",
                             fmt::join(channels, ", "), kMostHeadSize));
    config.levels.push_back(level);
  }
  read_middle(fields, depths.middle, config);
}

// Both or neither, one number per latent channel, and a deviation of 0 divides by zero.
void check_latent_statistics(const Fields& fields, const vae::Config& config) {
  const size_t wanted = config.latents_mean.empty() ? 0 : config.latent_channels;
  if (config.latents_mean.size() != wanted)
    fields.bad("latents_mean", fmt::format("{} numbers, as latent_channels says", wanted));
  const auto positive = [](float n) { return n > 0; };
  if (config.latents_std.size() != wanted ||
      !std::all_of(config.latents_std.begin(), config.latents_std.end(), positive))
    fields.bad("latents_std", fmt::format("{} positive numbers, as many as latents_mean has", wanted));
}

void read_added_conditioning(const Fields& fields, unet::Config& config) {
  if (fields.text("addition_embed_type", "") != "text_time") return;
  config.addition_time_width = fields.integer("addition_time_embed_dim", 0, {0, 8192});
  config.addition_input = fields.integer("projection_class_embeddings_input_dim", 0, {0, 65536});
  if (config.addition_time_width == 0) fields.bad("addition_time_embed_dim", "the width of one size id");
  if (config.addition_input == 0)
    fields.bad("projection_class_embeddings_input_dim", "the width of the added conditioning");
}

}  // namespace

unet::Config unet_config(const io::Json& json, const std::string& where, std::vector<std::string>& notes) {
  const Fields fields(json, where);
  if (const auto type = fields.text("_class_name", "UNet2DConditionModel"); type != "UNet2DConditionModel")
    fields.unsupported("_class_name", "UNet2DConditionModel");
  fields.require(kUNetFixed);
  fields.ignore(kUNetIgnored);
  unet::Config config;
  read_levels(fields, config);
  config.in_channels = fields.integer("in_channels", 4, kPictureChannels);
  config.out_channels = fields.integer("out_channels", 4, kPictureChannels);
  config.context_width = fields.uniform("cross_attention_dim", 1280, kWidth);
  config.linear_projection = fields.flag("use_linear_projection", false);
  config.norm_eps = static_cast<float>(fields.number("norm_eps", 1e-5, 0, 1));
  config.flip_sin_to_cos = fields.flag("flip_sin_to_cos", true);
  config.freq_shift = fields.number("freq_shift", 0, -1024, 1024);
  config.downsample_padding = fields.integer("downsample_padding", 1, {0, 1});
  config.upcast_attention = fields.flag("upcast_attention", false);
  config.time_cond_width = fields.integer("time_cond_proj_dim", 0, {0, 65536});
  config.sample_size = square_size(fields, 64);
  const int time_width = 4 * config.levels[0].channels;
  if (fields.integer("time_embedding_dim", time_width, kWidth) != time_width)
    fields.unsupported("time_embedding_dim", fmt::format("{}, four times the first channels", time_width));
  read_added_conditioning(fields, config);
  fields.ignore(std::to_array({"addition_time_embed_dim", "projection_class_embeddings_input_dim"}));
  note_unread(fields, notes);
  return config;
}

vae::Config vae_config(const io::Json& json, const std::string& where, std::vector<std::string>& notes) {
  const Fields fields(json, where);
  if (fields.text("_class_name", "AutoencoderKL") != "AutoencoderKL")
    fields.unsupported("_class_name", "AutoencoderKL; one of the same latents can be given: --vae");
  fields.require(kVaeFixed);
  vae::Config config;
  config.channels = fields.list("block_out_channels", {64}, kMostLevels, kChannels);
  const std::vector<std::string> down(config.channels.size(), "DownEncoderBlock2D");
  const std::vector<std::string> up(config.channels.size(), "UpDecoderBlock2D");
  if (fields.texts("down_block_types", down, kMostLevels) != down)
    fields.unsupported("down_block_types", "DownEncoderBlock2D at each level");
  if (fields.texts("up_block_types", up, kMostLevels) != up)
    fields.unsupported("up_block_types", "UpDecoderBlock2D at each level");
  config.norm_groups = norm_groups(fields, config.channels);
  config.in_channels = fields.integer("in_channels", 3, kPictureChannels);
  config.out_channels = fields.integer("out_channels", 3, kPictureChannels);
  config.latent_channels = fields.integer("latent_channels", 4, kPictureChannels);
  config.layers_per_block = fields.integer("layers_per_block", 1, kLayers);
  config.scaling_factor = static_cast<float>(fields.number("scaling_factor", 0.18215, 1e-6, 1e6));
  config.shift_factor = static_cast<float>(fields.number("shift_factor", 0, -1e6, 1e6));
  config.quant_conv = fields.flag("use_quant_conv", true);
  config.post_quant_conv = fields.flag("use_post_quant_conv", true);
  config.middle_attention = fields.flag("mid_block_add_attention", true);
  config.force_float32 = fields.flag("force_upcast", true);
  config.sample_size = square_size(fields, 32);
  for (auto [field, target] :
       {std::pair{"latents_mean", &config.latents_mean}, std::pair{"latents_std", &config.latents_std}})
    for (const double n : fields.numbers(field, 64)) target->push_back(static_cast<float>(n));
  check_latent_statistics(fields, config);
  note_unread(fields, notes);
  return config;
}

}  // namespace corepulse::model
