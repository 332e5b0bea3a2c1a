#include <fmt/format.h>

#include "base/fail.h"
#include "io/utf8.h"
#include "vision/config.h"

namespace corepulse::vision {
namespace {

using io::Json;

/** The largest encoder in use, bigG, has 1664 x 48; the limits only keep nonsense away from the memory. */
constexpr int kMostWidth = 1 << 14, kMostLayers = 256, kMostPixels = 4096;
constexpr int kMostHeadSize = 512;  // of kernels::attention

struct Fields {
  const Json& json;
  std::string_view where;

  [[noreturn]] void bad(std::string_view field, std::string_view expected) const {
    const auto found = json.find(field);
    fail(ErrorCode::bad_file, "image encoder",
         fmt::format("{}: {} is {}; expected {}", where, field,
                     found == json.end() ? "missing" : io::printable(found->dump(-1, ' ', true), 80), expected));
  }
  /** Absent: transformers leaves out what is as its class has it. */
  int integer(std::string_view field, int most, int otherwise) const {
    const auto found = json.find(field);
    if (found == json.end()) return otherwise;
    if (!found->is_number_integer() || *found < 1 || *found > most)
      bad(field, fmt::format("a whole number from 1 to {}", most));
    return found->get<int>();
  }
  std::string text(std::string_view field, std::string_view otherwise) const {
    const auto found = json.find(field);
    if (found == json.end() || found->is_null()) return std::string(otherwise);
    if (!found->is_string()) bad(field, "a text");
    return found->get<std::string>();
  }
  [[noreturn]] void unsupported(std::string_view field, std::string_view value, std::string_view expected) const {
    fail(ErrorCode::unsupported_model, "image encoder",
         fmt::format("{}: {} is {}; expected {}", where, field, io::printable(value, 80), expected));
  }
};

/** The vision part of a whole model's config, which says the projection beside it. */
const Json& vision_part(const Json& json, std::string_view where) {
  if (!json.is_object()) fail(ErrorCode::bad_file, "image encoder", fmt::format("{}: expected a JSON object", where));
  const auto part = json.find("vision_config");
  if (part == json.end()) return json;
  if (!part->is_object()) Fields{json, where}.bad("vision_config", "an object");
  return *part;
}

}  // namespace

Config config_from_json(const Json& json, std::string_view where) {
  const auto& part = vision_part(json, where);
  const Fields whole{json, where}, fields{part, where};
  const auto type = whole.text("model_type", "clip_vision_model");
  if (type != "clip_vision_model" && type != "clip")
    whole.unsupported("model_type", type, "clip_vision_model, CLIP's vision encoder");
  Config c;  // what transformers' CLIPVisionConfig has by itself
  c.width = fields.integer("hidden_size", kMostWidth, 768);
  c.layers = fields.integer("num_hidden_layers", kMostLayers, 12);
  c.heads = fields.integer("num_attention_heads", c.width, 12);
  if (c.width % c.heads != 0 || c.width / c.heads > kMostHeadSize)
    fields.bad("num_attention_heads",
               fmt::format("a divisor of hidden_size, {}, that makes heads of at most {}", c.width, kMostHeadSize));
  c.mlp_width = fields.integer("intermediate_size", 8 * kMostWidth, 3072);
  c.image_size = fields.integer("image_size", kMostPixels, 224);
  c.patch_size = fields.integer("patch_size", c.image_size, 32);
  if (fields.integer("num_channels", 64, 3) != 3) fields.bad("num_channels", "3");
  c.projection = (&part == &json ? fields : whole).integer("projection_dim", kMostWidth, 512);
  const auto activation = fields.text("hidden_act", "quick_gelu");
  if (activation != "gelu" && activation != "quick_gelu")
    fields.unsupported("hidden_act", activation, "quick_gelu or gelu");
  c.quick_gelu = activation == "quick_gelu";
  if (const auto eps = part.find("layer_norm_eps"); eps != part.end()) {
    if (!eps->is_number() || *eps < 0 || *eps > 1) fields.bad("layer_norm_eps", "a number from 0 to 1");
    c.norm_eps = eps->get<float>();
  }
  return c;
}

}  // namespace corepulse::vision
