#include "vae/autoencoder.h"

#include "vae/tiles.h"

namespace corepulse::vae {

Autoencoder::Autoencoder(const nn::Weights& w, const Config& config)
    : config_(config), dtype_(w.dtype()), encoder_(w / "encoder", config), decoder_(w / "decoder", config) {
  const int z = config.latent_channels;
  if (config.quant_conv) quant_conv_.emplace(w / "quant_conv", 2 * z, 2 * z, 1);
  if (config.post_quant_conv) post_quant_conv_.emplace(w / "post_quant_conv", z, z, 1);
  w.require_all_taken();
}

namespace {

bool needs_tiles(int height, int width) {
  return height * width > kWhole * kWhole;
}

Posterior posterior(const mx::array& moments) {
  const auto parts = mx::split(moments, 2, 3);
  return {parts[0], mx::clip(parts[1], like(-30, parts[1]), like(20, parts[1]))};
}

mx::array per_channel(const std::vector<float>& values, const mx::array& x) {
  return mx::astype(mx::array(values.begin(), {1, 1, 1, static_cast<int>(values.size())}, mx::float32), x.dtype());
}

}  // namespace

mx::array Autoencoder::moments(const mx::array& picture) const {
  const auto moments = encoder_(picture);
  return quant_conv_ ? (*quant_conv_)(moments).array() : moments;
}

Posterior Autoencoder::encode(const mx::array& picture) const {
  return posterior(moments(mx::astype(picture, dtype_)));
}

Posterior Autoencoder::encode_within_memory(const mx::array& picture) const {
  const int scale = config_.downscale();
  return needs_tiles(picture.shape(1) / scale, picture.shape(2) / scale) ? encode_tiled(picture, kTile)
                                                                         : encode(picture);
}

Posterior Autoencoder::encode_tiled(const mx::array& picture, int tile) const {
  return posterior(tiled(mx::astype(picture, dtype_), tile, {config_.downscale(), 1},
                         [&](const mx::array& part) { return moments(part); }));
}

mx::array Autoencoder::scaled(const mx::array& latent) const {
  if (!config_.latents_mean.empty())
    return (latent - per_channel(config_.latents_mean, latent)) * like(config_.scaling_factor, latent) /
           per_channel(config_.latents_std, latent);
  return (latent - like(config_.shift_factor, latent)) * like(config_.scaling_factor, latent);
}

mx::array Autoencoder::unscaled(const mx::array& latent) const {
  if (!config_.latents_mean.empty())
    return latent * per_channel(config_.latents_std, latent) / like(config_.scaling_factor, latent) +
           per_channel(config_.latents_mean, latent);
  return latent / like(config_.scaling_factor, latent) + like(config_.shift_factor, latent);
}

mx::array Autoencoder::decode_unscaled(const mx::array& z) const {
  return decoder_(post_quant_conv_ ? (*post_quant_conv_)(z).array() : z);
}

mx::array Autoencoder::decode(const mx::array& latent) const {
  return decode_unscaled(unscaled(mx::astype(latent, dtype_)));
}

mx::array Autoencoder::decode_within_memory(const mx::array& latent) const {
  return needs_tiles(latent.shape(1), latent.shape(2)) ? decode_tiled(latent, kTile) : decode(latent);
}

mx::array Autoencoder::decode_tiled(const mx::array& latent, int tile) const {
  return tiled(unscaled(mx::astype(latent, dtype_)), tile, {1, config_.downscale()},
               [&](const mx::array& part) { return decode_unscaled(part); });
}

}  // namespace corepulse::vae
