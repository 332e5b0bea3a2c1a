#include "vision/ip_adapter.h"

#include <cmath>

#include "mlx/ops.h"

#include "kernels/attention.h"

namespace corepulse::vision {
namespace {

using Kind = IpAdapterConfig::Kind;

/** x from `begin` to `end` along its last axis. */
mx::array last_axis(const mx::array& x, int begin, int end) {
  auto start = mx::Shape(x.ndim(), 0);
  auto stop = x.shape();
  start.back() = begin, stop.back() = end;
  return mx::slice(x, start, stop);
}

std::variant<ImageProjection, MlpProjection, Resampler> projection(const nn::Weights& w,
                                                                   const IpAdapterConfig& config) {
  if (config.kind == Kind::base) return ImageProjection(w, config);
  if (config.kind == Kind::plus) return Resampler(w, config);
  return MlpProjection(w, config);
}

}  // namespace

ImageProjection::ImageProjection(const nn::Weights& w, const IpAdapterConfig& config)
    : proj(w / "proj", config.input, config.tokens * config.context_width), norm(w / "norm", config.context_width) {}

mx::array ImageProjection::operator()(const mx::array& x) const {
  return norm(mx::reshape(proj(x).array(), {x.shape(0), -1, static_cast<int>(norm.weight.size())}));
}

MlpProjection::MlpProjection(const nn::Weights& w, const IpAdapterConfig& config)
    : proj_0(w / "proj.0", config.input, config.inner),
      proj_2(w / "proj.2", config.inner,
             config.kind == Kind::full_face ? config.context_width : config.tokens * config.context_width),
      norm(config.kind == Kind::full_face ? w / "proj.3" : w / "norm", config.context_width),
      patches(config.kind == Kind::full_face) {}

mx::array MlpProjection::operator()(const mx::array& x) const {
  const mx::array y = proj_2(kernels::gelu(proj_0(x)));
  return norm(patches ? y : mx::reshape(y, {x.shape(0), -1, static_cast<int>(norm.weight.size())}));
}

PerceiverAttention::PerceiverAttention(const nn::Weights& w, const IpAdapterConfig& config)
    : norm1(w / "norm1", config.inner),
      norm2(w / "norm2", config.inner),
      to_q(w / "to_q", config.inner, config.inner_heads(), false),
      to_kv(w / "to_kv", config.inner, 2 * config.inner_heads(), false),
      to_out(w / "to_out", config.inner_heads(), config.inner, false),
      heads(config.heads) {}

mx::array PerceiverAttention::operator()(const mx::array& x, const mx::array& latents) const {
  const auto own = norm2(latents);
  const mx::array kv = to_kv(mx::concatenate({norm1(x), own}, 1));
  const int width = to_q.out();
  // The original scales queries and keys by the fourth root each.
  const float scale = 1 / std::sqrt(static_cast<float>(width / heads));
  return to_out(kernels::attention(to_q(own), last_axis(kv, 0, width), last_axis(kv, width, 2 * width),
                                   {.heads = heads, .scale = scale}));
}

PerceiverMlp::PerceiverMlp(const nn::Weights& w, const IpAdapterConfig& config)
    : norm(w / "0", config.inner),
      in(w / "1", config.inner, config.mlp, false),
      out(w / "3", config.mlp, config.inner, false) {}

mx::array PerceiverMlp::operator()(const mx::array& x) const {
  return out(kernels::gelu(in(norm(x))));
}

Resampler::Resampler(const nn::Weights& w, const IpAdapterConfig& config)
    : latents(w.take("latents", {1, config.tokens, config.inner})),
      proj_in(w / "proj_in", config.input, config.inner),
      proj_out(w / "proj_out", config.inner, config.context_width),
      norm_out(w / "norm_out", config.context_width) {
  for (int i = 0; i < config.layers; ++i) {
    const auto layer = w / "layers" / i;
    layers.push_back({PerceiverAttention(layer / 0, config), PerceiverMlp(layer / 1, config)});
  }
}

mx::array Resampler::operator()(const mx::array& x) const {
  auto found = mx::broadcast_to(latents, {x.shape(0), latents.shape(1), latents.shape(2)});
  const mx::array seen = proj_in(x);
  for (const auto& layer : layers) {
    found = kernels::add(found, layer.attention(seen, found));
    found = kernels::add(found, layer.mlp(found));
  }
  return norm_out(proj_out(found));
}

PictureKeys::PictureKeys(const nn::Weights& w, int context_width, int channels)
    : to_k_ip(w / "to_k_ip", context_width, channels, false), to_v_ip(w / "to_v_ip", context_width, channels, false) {}

IpAdapter::IpAdapter(const nn::Weights& w, const IpAdapterConfig& config)
    : config_(config), image_proj_(projection(w / "image_proj", config)) {
  int number = 1;  // of attention layers, which alternate: only cross-attention has keys for pictures
  for (const int channels : config.channels) {
    ip_adapter_.emplace_back(w / "ip_adapter" / number, config.context_width, channels);
    number += 2;
  }
}

mx::array IpAdapter::tokens(const mx::array& seen) const {
  const auto made = std::visit([&](const auto& of) { return of(seen); }, image_proj_);
  return mx::reshape(made, {1, -1, config_.context_width});
}

}  // namespace corepulse::vision
