#pragma once
// CLIP's vision encoder: a picture to the vectors that IP-Adapters read.
// Matches transformers' CLIPVisionModelWithProjection (Radford et al. 2021).

#include <vector>

#include "nn/layers.h"
#include "vision/config.h"

namespace corepulse::vision {

struct VisionEmbeddings {
  VisionEmbeddings(const nn::Weights& w, const Config& config);
  mx::array operator()(const mx::array& pixels) const;  // [B, S, S, 3] -> [B, 1 + patches, width]
  mx::array class_embedding;                            // [width]
  mx::array patch_embedding;                            // [width, 3, p, p]: a convolution with stride p
  mx::array position_embedding;                         // [1 + patches, width]
  int patch_size;
};

struct VisionAttention {
  VisionAttention(const nn::Weights& w, const Config& config);
  mx::array operator()(const mx::array& x) const;
  nn::Linear q_proj, k_proj, v_proj, out_proj;
  int heads;
};

struct VisionMlp {
  VisionMlp(const nn::Weights& w, const Config& config);
  mx::array operator()(const mx::array& x) const;
  nn::Linear fc1, fc2;
  bool quick_gelu;
};

struct VisionLayer {
  VisionLayer(const nn::Weights& w, const Config& config);
  mx::array operator()(mx::array x) const;
  nn::LayerNorm layer_norm1;
  VisionAttention self_attn;
  nn::LayerNorm layer_norm2;
  VisionMlp mlp;
};

class ClipVisionModel {
 public:
  /** @param w with "vision_model" and "visual_projection". @throws Error{unsupported_model} naming a tensor that is
   * missing or misshapen. */
  ClipVisionModel(const nn::Weights& w, const Config& config);

  /** Of pictures [B, S, S, 3], normalised, S = config().image_size: what the last layer is given [B, 1 + patches,
   * width], transformers' hidden_states[-2]. */
  mx::array hidden(const mx::array& pixels) const;
  /** The picture as one vector: [B, projection], transformers' image_embeds. */
  mx::array embeds(const mx::array& pixels) const;

  const Config& config() const { return config_; }

 private:
  Config config_;
  VisionEmbeddings embeddings_;
  nn::LayerNorm pre_layrnorm_;
  std::vector<VisionLayer> layers_;
  nn::LayerNorm post_layernorm_;
  nn::Linear visual_projection_;
};

}  // namespace corepulse::vision
