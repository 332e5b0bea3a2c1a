#include "text/clip_text_model.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <utility>

#include "mlx/ops.h"

#include "base/fail.h"
#include "kernels/attention.h"
#include "text/clip_tokenizer.h"

namespace corepulse::text {
namespace {

constexpr auto kTokenTable = "embeddings.token_embedding.weight";

[[noreturn]] void refuse_ids(std::string_view message) {
  fail(ErrorCode::unsupported_model, "text encoder",
       fmt::format("{}; expected ids of the model's own tokenizer", message));
}

bool is_added(int id) {
  return id >= kFirstAddedId;
}

void check_ids(const std::vector<TokenIds>& ids, const Config& config, bool added) {
  const size_t length = ids.empty() ? 0 : ids[0].size();
  if (length < 1 || length > static_cast<size_t>(config.positions))
    refuse_ids(fmt::format("{} ids per prompt, not 1 to {}", length, config.positions));
  for (const auto& row : ids) {
    if (row.size() != length) refuse_ids("prompts of different lengths in one batch");
    for (const int id : row)
      if (!(added && is_added(id)) && (id < 0 || id >= config.vocabulary))
        refuse_ids(fmt::format("the id {} of {} known tokens", id, config.vocabulary));
  }
}

/** Where a prompt's pooled vector is read: its end token. */
int pooled_position(const TokenIds& ids, const Config& config) {
  // Old configs named a wrong eos; the end token was then found as the largest id.
  const auto known = [](int id) { return is_added(id) ? -1 : id; };
  const auto at = config.legacy_eos ? std::ranges::max_element(ids, {}, known) : std::ranges::find(ids, config.eos);
  if (at == ids.end()) refuse_ids(fmt::format("no end token (id {}) in a prompt", config.eos));
  return static_cast<int>(at - ids.begin());
}

mx::array to_array(const std::vector<int>& values) {
  return mx::array(values.begin(), {static_cast<int>(values.size())}, mx::int32);
}

/** [ids, width]: rows of the table, and what `added` says of ids beyond it. */
mx::array token_vectors(const mx::array& table, std::vector<int> ids, const AddedVectors& added) {
  std::vector<int> asked, place;
  for (auto& id : ids) {
    place.push_back(static_cast<int>(is_added(id) ? ids.size() + asked.size() : place.size()));
    if (is_added(id)) asked.push_back(std::exchange(id, 0));
  }
  const auto known = mx::take(table, to_array(ids), 0);
  if (asked.empty()) return known;
  return mx::take(mx::concatenate({known, mx::astype(added(asked), known.dtype())}, 0), to_array(place), 0);
}

/** [B, N]: -inf at what nobody looks at. */
std::optional<mx::array> hiding(const std::vector<TokenIds>& ids, const std::vector<std::vector<int>>& hidden) {
  if (hidden.empty()) return {};
  const size_t length = ids[0].size();
  std::vector<float> bias(ids.size() * length);
  for (size_t row = 0; row < ids.size(); ++row)
    for (const int position : hidden.at(row)) bias.at(row * length + static_cast<size_t>(position)) = -INFINITY;
  return mx::array(bias.begin(), {static_cast<int>(ids.size()), static_cast<int>(length)}, mx::float32);
}

}  // namespace

ClipEmbeddings::ClipEmbeddings(const nn::Weights& w, const Config& config)
    : token_embedding((w / "token_embedding").take("weight", {config.vocabulary, config.width})),
      position_embedding((w / "position_embedding").take("weight", {config.positions, config.width})) {}

ClipAttention::ClipAttention(const nn::Weights& w, const Config& config)
    : q_proj(w / "q_proj", config.width, config.width),
      k_proj(w / "k_proj", config.width, config.width),
      v_proj(w / "v_proj", config.width, config.width),
      out_proj(w / "out_proj", config.width, config.width),
      heads(config.heads) {}

mx::array ClipAttention::operator()(const mx::array& x, const std::optional<mx::array>& bias) const {
  const float head_size = static_cast<float>(x.shape(-1) / heads);
  return out_proj(
      kernels::attention(q_proj(x), k_proj(x), v_proj(x),
                         {.heads = heads, .scale = 1 / std::sqrt(head_size), .causal = true, .bias = bias}));
}

ClipMlp::ClipMlp(const nn::Weights& w, const Config& config)
    : fc1(w / "fc1", config.width, config.mlp_width),
      fc2(w / "fc2", config.mlp_width, config.width),
      activation(config.activation) {}

mx::array ClipMlp::operator()(const mx::array& x) const {
  const auto y = fc1(x);
  return fc2(activation == Activation::gelu ? kernels::gelu(y) : kernels::quick_gelu(y));
}

ClipEncoderLayer::ClipEncoderLayer(const nn::Weights& w, const Config& config)
    : layer_norm1(w / "layer_norm1", config.width, config.norm_eps),
      self_attn(w / "self_attn", config),
      layer_norm2(w / "layer_norm2", config.width, config.norm_eps),
      mlp(w / "mlp", config) {}

mx::array ClipEncoderLayer::operator()(mx::array x, const std::optional<mx::array>& bias) const {
  x = kernels::add(x, self_attn(layer_norm1(x), bias));
  return kernels::add(x, mlp(layer_norm2(x)));
}

ClipTextModel::ClipTextModel(const nn::Weights& weights, const Config& config)
    : ClipTextModel(weights, weights.has(kTokenTable) ? weights : weights / "text_model", config) {}

ClipTextModel::ClipTextModel(const nn::Weights& root, const nn::Weights& text_model, const Config& config)
    : embeddings(text_model / "embeddings", config),
      final_layer_norm(text_model / "final_layer_norm", config.width, config.norm_eps),
      config_(config) {
  layers.reserve(static_cast<size_t>(config.layers));
  for (int i = 0; i < config.layers; ++i) layers.emplace_back(text_model / "encoder.layers" / i, config);
  if (config.projection > 0)
    text_projection.emplace(root / "text_projection", config.width, config.projection, /*bias=*/false);
}

mx::array ClipTextModel::embed(const std::vector<TokenIds>& ids, const AddedVectors& added) const {
  const int rows = static_cast<int>(ids.size()), length = static_cast<int>(ids[0].size());
  TokenIds all;
  for (const auto& row : ids) all.insert(all.end(), row.begin(), row.end());
  const auto tokens = token_vectors(embeddings.token_embedding, all, added);
  const auto positions = mx::slice(embeddings.position_embedding, {0, 0}, {length, config_.width});
  return mx::reshape(tokens, {rows, length, config_.width}) + positions;
}

/** last: [B, N, width], not normalised. */
mx::array ClipTextModel::pool(const std::vector<TokenIds>& ids, const mx::array& last) const {
  const int length = last.shape(1);
  std::vector<int> ends;
  for (size_t row = 0; row < ids.size(); ++row)
    ends.push_back(static_cast<int>(row) * length + pooled_position(ids[row], config_));
  const auto tokens = mx::reshape(last, {-1, config_.width});
  const auto pooled = final_layer_norm(mx::take(tokens, to_array(ends), 0));
  return text_projection ? (*text_projection)(pooled).array() : pooled;
}

TextEncoding ClipTextModel::forward(const std::vector<TokenIds>& ids, const OutputRule& rule,
                                    const std::vector<std::vector<int>>& hidden, const AddedVectors& added) const {
  check_ids(ids, config_, added != nullptr);
  if (rule.skip < 0 || rule.skip >= config_.layers)
    fail(ErrorCode::invalid_request, "text encoder",
         fmt::format("{} of {} layers skipped; expected 0..{} (clip skip is too large)", rule.skip, config_.layers,
                     config_.layers - 1));
  const auto bias = hiding(ids, hidden);
  auto x = embed(ids, added);  // [B, N, width]
  auto context = x;
  for (int i = 0; i < config_.layers; ++i) {
    x = layers[static_cast<size_t>(i)](x, bias);
    if (i == config_.layers - 1 - rule.skip) context = x;
  }
  if (rule.final_norm) context = final_layer_norm(context);
  return {context, pool(ids, x)};
}

}  // namespace corepulse::text
