#pragma once
// CLIP's text encoder: token ids to the vectors that a UNet's cross-attention reads.
// Matches transformers' CLIPTextModel and CLIPTextModelWithProjection (Radford et al. 2021).

#include <functional>
#include <optional>
#include <vector>

#include "nn/layers.h"
#include "nn/weights.h"
#include "text/config.h"

namespace corepulse::text {

struct TextEncoding {
  mx::array context;  ///< [B, N, width], the hidden state that the OutputRule names.
  mx::array pooled;   ///< [B, projection], or [B, width] without one: the last layer at the end token.
};

/** A prompt's ids: beginning, tokens, end, padding (Encoded::ids). */
using TokenIds = std::vector<int>;

/** [ids, width] in float32: what ids from kFirstAddedId on stand for, in order. */
using AddedVectors = std::function<mx::array(const std::vector<int>& ids)>;

struct ClipEmbeddings {
  ClipEmbeddings(const nn::Weights& w, const Config& config);
  mx::array token_embedding;     // [vocabulary, width]
  mx::array position_embedding;  // [positions, width]
};

struct ClipAttention {
  ClipAttention(const nn::Weights& w, const Config& config);
  mx::array operator()(const mx::array& x, const std::optional<mx::array>& bias) const;
  nn::Linear q_proj, k_proj, v_proj, out_proj;
  int heads;
};

struct ClipMlp {
  ClipMlp(const nn::Weights& w, const Config& config);
  mx::array operator()(const mx::array& x) const;
  nn::Linear fc1, fc2;
  Activation activation;
};

struct ClipEncoderLayer {
  ClipEncoderLayer(const nn::Weights& w, const Config& config);
  mx::array operator()(mx::array x, const std::optional<mx::array>& bias) const;
  nn::LayerNorm layer_norm1;
  ClipAttention self_attn;
  nn::LayerNorm layer_norm2;
  ClipMlp mlp;
};

class ClipTextModel {
 public:
  /** @param weights with or without the prefix "text_model."; "text_projection" has none. */
  ClipTextModel(const nn::Weights& weights, const Config& config);

  /**
   * Encodes a batch of prompts of equal length, at most config().positions ids each.
   * @param hidden positions, in order, that no other looks at, by prompt; never 0. Empty: none.
   * @param added asked where an id is that of an added token; empty: those are refused.
   * @throws Error{invalid_request} if the rule skips more layers than there are,
   *   Error{unsupported_model} if the ids are not of this model's tokenizer.
   */
  TextEncoding forward(const std::vector<TokenIds>& ids, const OutputRule& rule,
                       const std::vector<std::vector<int>>& hidden = {}, const AddedVectors& added = {}) const;

  const Config& config() const { return config_; }

  ClipEmbeddings embeddings;
  std::vector<ClipEncoderLayer> layers;
  nn::LayerNorm final_layer_norm;
  std::optional<nn::Linear> text_projection;

 private:
  ClipTextModel(const nn::Weights& root, const nn::Weights& text_model, const Config& config);
  mx::array embed(const std::vector<TokenIds>& ids, const AddedVectors& added) const;
  mx::array pool(const std::vector<TokenIds>& ids, const mx::array& last) const;

  Config config_;
};

}  // namespace corepulse::text
