#include "vision/clip_vision_model.h"

#include <cmath>

#include "mlx/ops.h"

#include "kernels/attention.h"

namespace corepulse::vision {

VisionEmbeddings::VisionEmbeddings(const nn::Weights& w, const Config& config)
    : class_embedding(w.take("class_embedding", {config.width})),
      patch_embedding((w / "patch_embedding").take("weight", {config.width, 3, config.patch_size, config.patch_size})),
      position_embedding((w / "position_embedding").take("weight", {1 + config.patches(), config.width})),
      patch_size(config.patch_size) {}

mx::array VisionEmbeddings::operator()(const mx::array& pixels) const {
  const int batch = pixels.shape(0), side = pixels.shape(1) / patch_size, p = patch_size;
  const int width = position_embedding.shape(1);
  // Patches do not overlap: the convolution is a product with each of them, what is left at the edges is not seen.
  const auto whole = mx::slice(pixels, {0, 0, 0, 0}, {batch, side * p, side * p, 3});
  const auto patches = mx::transpose(mx::reshape(whole, {batch, side, p, side, p, 3}), {0, 1, 3, 5, 2, 4});
  const auto kernel = mx::transpose(mx::reshape(patch_embedding, {width, -1}));
  const auto seen = mx::matmul(mx::reshape(patches, {batch, side * side, 3 * p * p}), kernel);
  const auto first = mx::broadcast_to(mx::reshape(class_embedding, {1, 1, width}), {batch, 1, width});
  return mx::concatenate({first, seen}, 1) + position_embedding;
}

VisionAttention::VisionAttention(const nn::Weights& w, const Config& config)
    : q_proj(w / "q_proj", config.width, config.width),
      k_proj(w / "k_proj", config.width, config.width),
      v_proj(w / "v_proj", config.width, config.width),
      out_proj(w / "out_proj", config.width, config.width),
      heads(config.heads) {}

mx::array VisionAttention::operator()(const mx::array& x) const {
  const float head_size = static_cast<float>(x.shape(-1) / heads);
  return out_proj(
      kernels::attention(q_proj(x), k_proj(x), v_proj(x), {.heads = heads, .scale = 1 / std::sqrt(head_size)}));
}

VisionMlp::VisionMlp(const nn::Weights& w, const Config& config)
    : fc1(w / "fc1", config.width, config.mlp_width),
      fc2(w / "fc2", config.mlp_width, config.width),
      quick_gelu(config.quick_gelu) {}

mx::array VisionMlp::operator()(const mx::array& x) const {
  const mx::array y = fc1(x);
  return fc2(quick_gelu ? kernels::quick_gelu(y) : kernels::gelu(y));
}

VisionLayer::VisionLayer(const nn::Weights& w, const Config& config)
    : layer_norm1(w / "layer_norm1", config.width, config.norm_eps),
      self_attn(w / "self_attn", config),
      layer_norm2(w / "layer_norm2", config.width, config.norm_eps),
      mlp(w / "mlp", config) {}

mx::array VisionLayer::operator()(mx::array x) const {
  x = kernels::add(x, self_attn(layer_norm1(x)));
  return kernels::add(x, mlp(layer_norm2(x)));
}

ClipVisionModel::ClipVisionModel(const nn::Weights& w, const Config& config)
    : config_(config),
      embeddings_(w / "vision_model.embeddings", config),
      pre_layrnorm_(w / "vision_model.pre_layrnorm", config.width, config.norm_eps),
      post_layernorm_(w / "vision_model.post_layernorm", config.width, config.norm_eps),
      visual_projection_(w / "visual_projection", config.width, config.projection, /*bias=*/false) {
  layers_.reserve(static_cast<size_t>(config.layers));
  for (int i = 0; i < config.layers; ++i) layers_.emplace_back(w / "vision_model.encoder.layers" / i, config);
}

mx::array ClipVisionModel::hidden(const mx::array& pixels) const {
  auto x = pre_layrnorm_(embeddings_(pixels));
  for (size_t i = 0; i + 1 < layers_.size(); ++i) x = layers_[i](x);
  return x;
}

mx::array ClipVisionModel::embeds(const mx::array& pixels) const {
  const auto last = layers_.back()(hidden(pixels));
  const auto first = mx::reshape(mx::slice(last, {0, 0, 0}, {last.shape(0), 1, config_.width}), {-1, config_.width});
  return visual_projection_(post_layernorm_(first));
}

}  // namespace corepulse::vision
