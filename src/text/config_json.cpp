#include "text/config_json.h"

#include <fmt/format.h>
#include <optional>

#include "base/fail.h"
#include "io/utf8.h"

namespace corepulse::text {
namespace {

using io::Json;

/** The largest encoder in use has 1280 x 32; the limits only keep nonsense away from the memory. */
constexpr int kMostWidth = 1 << 14, kMostLayers = 256, kMostTokens = 1 << 20, kMostPositions = 4096;
constexpr int kMostHeadSize = 512;  // of kernels::attention
constexpr int kLegacyEos = 2;

struct Fields {
  const Json& json;
  std::string_view where;

  [[noreturn]] void bad(std::string_view field, std::string_view expected) const {
    const auto found = json.find(field);
    fail(ErrorCode::bad_file, "text encoder",
         fmt::format("{}: {} is {}; expected {}", where, field,
                     found == json.end() ? "missing" : io::printable(found->dump()), expected));
  }

  int integer(std::string_view field, int least, int most, std::optional<int> otherwise = {}) const {
    const auto found = json.find(field);
    if (found == json.end() && otherwise) return *otherwise;
    if (found == json.end() || !found->is_number_integer() || *found < least || *found > most)
      bad(field, fmt::format("a whole number from {} to {}", least, most));
    return found->get<int>();
  }

  float number(std::string_view field, double least, double most, float otherwise) const {
    const auto found = json.find(field);
    if (found == json.end()) return otherwise;
    if (!found->is_number() || *found < least || *found > most)
      bad(field, fmt::format("a number from {} to {}", least, most));
    return found->get<float>();
  }

  std::string text(std::string_view field, std::string_view otherwise) const {
    const auto found = json.find(field);
    if (found == json.end()) return std::string(otherwise);
    if (!found->is_string()) bad(field, "a text");
    return found->get<std::string>();
  }

  [[noreturn]] void unsupported(std::string_view field, std::string_view value, std::string_view expected) const {
    fail(ErrorCode::unsupported_model, "text encoder",
         fmt::format("{}: {} is {}; expected {}", where, field, io::printable(value), expected));
  }
};

Activation activation(const Fields& fields) {
  const auto name = fields.text("hidden_act", "quick_gelu");
  if (name == "quick_gelu") return Activation::quick_gelu;
  if (name == "gelu") return Activation::gelu;
  fields.unsupported("hidden_act", name, "quick_gelu or gelu");
}

/** Every config has projection_dim; only the class says whether the model has the projection. */
bool has_projection(const Fields& fields) {
  const auto found = fields.json.find("architectures");
  if (found == fields.json.end() || found->is_null()) return true;
  if (!found->is_array() || found->size() != 1 || !found->front().is_string())
    fields.bad("architectures", "a list of one name");
  const auto& name = found->front().get_ref<const std::string&>();
  if (name != "CLIPTextModel" && name != "CLIPTextModelWithProjection")
    fields.unsupported("architectures", name, "CLIPTextModel or CLIPTextModelWithProjection");
  return name == "CLIPTextModelWithProjection";
}

}  // namespace

Config config_from_json(const Json& json, std::string_view where) {
  const Fields fields{json, where};
  if (!json.is_object()) fail(ErrorCode::bad_file, "text encoder", fmt::format("{}: expected a JSON object", where));
  if (const auto type = fields.text("model_type", "clip_text_model"); type != "clip_text_model")
    fields.unsupported("model_type", type, "clip_text_model");
  Config c;
  c.width = fields.integer("hidden_size", 1, kMostWidth);
  c.layers = fields.integer("num_hidden_layers", 1, kMostLayers);
  c.heads = fields.integer("num_attention_heads", 1, c.width);
  if (c.width % c.heads != 0 || c.width / c.heads > kMostHeadSize)
    fields.bad("num_attention_heads",
               fmt::format("a divisor of hidden_size, {}, that makes heads of at most {}", c.width, kMostHeadSize));
  c.mlp_width = fields.integer("intermediate_size", 1, 8 * kMostWidth);
  c.vocabulary = fields.integer("vocab_size", 3, kMostTokens);
  c.positions = fields.integer("max_position_embeddings", 1, kMostPositions, c.positions);
  c.activation = activation(fields);
  c.norm_eps = fields.number("layer_norm_eps", 0, 1, c.norm_eps);
  if (has_projection(fields)) c.projection = fields.integer("projection_dim", 1, kMostWidth, 512);
  const int eos = fields.integer("eos_token_id", 0, c.vocabulary - 1, c.eos);
  c.legacy_eos = eos == kLegacyEos;
  // A config with the legacy end token also has a wrong beginning; CLIP's own are the last two.
  c.eos = c.legacy_eos ? c.vocabulary - 1 : eos;
  c.bos = c.legacy_eos ? c.vocabulary - 2 : fields.integer("bos_token_id", 0, c.vocabulary - 1, c.bos);
  return c;
}

}  // namespace corepulse::text
