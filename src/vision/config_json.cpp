#include <fmt/format.h>

#include "io/fields.h"
#include "vision/config.h"

namespace corepulse::vision {
namespace {

using io::Fields, io::Json;

/** The largest encoder in use, bigG, has 1664 x 48; the limits only keep nonsense away from the memory. */
constexpr int kMostWidth = 1 << 14, kMostLayers = 256, kMostPixels = 4096;
constexpr int kMostHeadSize = 512;  // of kernels::attention

constexpr io::FieldsOptions kReading{.part = "image encoder", .nulls = false};

/** The vision part of a whole model's config, which says the projection beside it. */
const Json& vision_part(const Json& json, const Fields& whole) {
  const auto part = json.find("vision_config");
  if (part == json.end()) return json;
  if (!part->is_object()) whole.bad("vision_config", "an object");
  return *part;
}

}  // namespace

Config config_from_json(const Json& json, std::string_view where) {
  const Fields whole(json, std::string(where), kReading);
  const auto& part = vision_part(json, whole);
  const Fields fields(part, std::string(where), kReading);
  const auto type = whole.text("model_type", "clip_vision_model");
  if (type != "clip_vision_model" && type != "clip")
    whole.unsupported("model_type", "clip_vision_model, CLIP's vision encoder");
  Config c;  // what transformers' CLIPVisionConfig has by itself
  c.width = fields.integer("hidden_size", 768, {1, kMostWidth});
  c.layers = fields.integer("num_hidden_layers", 12, {1, kMostLayers});
  c.heads = fields.integer("num_attention_heads", 12, {1, c.width});
  if (c.width % c.heads != 0 || c.width / c.heads > kMostHeadSize)
    fields.bad("num_attention_heads",
               fmt::format("a divisor of hidden_size, {}, that makes heads of at most {}", c.width, kMostHeadSize));
  c.mlp_width = fields.integer("intermediate_size", 3072, {1, 8 * kMostWidth});
  c.image_size = fields.integer("image_size", 224, {1, kMostPixels});
  c.patch_size = fields.integer("patch_size", 32, {1, c.image_size});
  if (fields.integer("num_channels", 3, {1, 64}) != 3) fields.bad("num_channels", "3");
  c.projection = (&part == &json ? fields : whole).integer("projection_dim", 512, {1, kMostWidth});
  const auto activation = fields.text("hidden_act", "quick_gelu");
  if (activation != "gelu" && activation != "quick_gelu") fields.unsupported("hidden_act", "quick_gelu or gelu");
  c.quick_gelu = activation == "quick_gelu";
  c.norm_eps = static_cast<float>(fields.number("layer_norm_eps", c.norm_eps, 0, 1));
  return c;
}

}  // namespace corepulse::vision
