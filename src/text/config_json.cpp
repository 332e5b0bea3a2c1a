#include "text/config_json.h"

#include <fmt/format.h>

#include "io/fields.h"

namespace corepulse::text {
namespace {

using io::Fields, io::Json;

/** The largest encoder in use has 1280 x 32; the limits only keep nonsense away from the memory. */
constexpr int kMostWidth = 1 << 14, kMostLayers = 256, kMostTokens = 1 << 20, kMostPositions = 4096;
constexpr int kMostHeadSize = 512;  // of kernels::attention
constexpr int kLegacyEos = 2;

Activation activation(const Fields& fields) {
  const auto name = fields.text("hidden_act", "quick_gelu");
  if (name == "quick_gelu") return Activation::quick_gelu;
  if (name == "gelu") return Activation::gelu;
  fields.unsupported("hidden_act", "quick_gelu or gelu");
}

/** Every config has projection_dim; only the class says whether the model has the projection. */
bool has_projection(const Fields& fields, const Json& json) {
  const auto found = json.find("architectures");
  if (found == json.end() || found->is_null()) return true;
  if (!found->is_array() || found->size() != 1 || !found->front().is_string())
    fields.bad("architectures", "a list of one name");
  const auto& name = found->front().get_ref<const std::string&>();
  if (name != "CLIPTextModel" && name != "CLIPTextModelWithProjection")
    fields.unsupported("architectures", "CLIPTextModel or CLIPTextModelWithProjection");
  return name == "CLIPTextModelWithProjection";
}

}  // namespace

Config config_from_json(const Json& json, std::string_view where) {
  const Fields fields(json, std::string(where), {.part = "text encoder", .nulls = false});
  if (const auto type = fields.text("model_type", "clip_text_model"); type != "clip_text_model")
    fields.unsupported("model_type", "clip_text_model");
  Config c;
  c.width = fields.integer("hidden_size", {1, kMostWidth});
  c.layers = fields.integer("num_hidden_layers", {1, kMostLayers});
  c.heads = fields.integer("num_attention_heads", {1, c.width});
  if (c.width % c.heads != 0 || c.width / c.heads > kMostHeadSize)
    fields.bad("num_attention_heads",
               fmt::format("a divisor of hidden_size, {}, that makes heads of at most {}", c.width, kMostHeadSize));
  c.mlp_width = fields.integer("intermediate_size", {1, 8 * kMostWidth});
  c.vocabulary = fields.integer("vocab_size", {3, kMostTokens});
  c.positions = fields.integer("max_position_embeddings", c.positions, {1, kMostPositions});
  c.activation = activation(fields);
  c.norm_eps = static_cast<float>(fields.number("layer_norm_eps", c.norm_eps, 0, 1));
  if (has_projection(fields, json)) c.projection = fields.integer("projection_dim", 512, {1, kMostWidth});
  const int eos = fields.integer("eos_token_id", c.eos, {0, c.vocabulary - 1});
  c.legacy_eos = eos == kLegacyEos;
  // A config with the legacy end token also has a wrong beginning; CLIP's own are the last two.
  c.eos = c.legacy_eos ? c.vocabulary - 1 : eos;
  c.bos = c.legacy_eos ? c.vocabulary - 2 : fields.integer("bos_token_id", c.bos, {0, c.vocabulary - 1});
  return c;
}

}  // namespace corepulse::text
