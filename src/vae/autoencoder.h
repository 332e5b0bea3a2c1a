#pragma once
// AutoencoderKL: pictures in -1..1 to scaled latents and back, whole or in overlapping tiles.

#include <optional>

#include "vae/decoder.h"
#include "vae/encoder.h"

namespace corepulse::vae {

/** The encoder's normal distribution, unscaled. */
struct Posterior {
  mx::array mean, logvar;  // [B, h, w, latent channels]; logvar clamped to -30..20 as in Diffusers
};

/** Latents of more than kWhole x kWhole (1280 x 1280 pixels) are decoded, and encoded, in tiles of kTile x kTile. */
constexpr int kWhole = 160, kTile = 96;

class Autoencoder {
 public:
  /** @throws Error{unsupported_model} naming a tensor that is missing, misshapen or left over. */
  Autoencoder(const nn::Weights& w, const Config& config);

  /** picture [B, H, W, 3] in -1..1, H and W multiples of downscale(). */
  Posterior encode(const mx::array& picture) const;
  /** encode, or encode_tiled for pictures of more than kWhole x kWhole latents. */
  Posterior encode_within_memory(const mx::array& picture) const;
  /** As encode, in tiles of `tile` latents as decode_tiled's (Diffusers' tiled_encode). */
  Posterior encode_tiled(const mx::array& picture, int tile) const;
  /** The UNet's latent of a posterior's mean. */
  mx::array scaled(const mx::array& latent) const;
  /** latent as the UNet knows it [B, h, w, 4] -> picture [B, 8h, 8w, 3], about -1..1 (not clamped).
   */
  mx::array decode(const mx::array& latent) const;
  /** decode, or decode_tiled for latents of more than kWhole x kWhole: by size alone, so that recipes repeat. */
  mx::array decode_within_memory(const mx::array& latent) const;
  /**
   * As decode, in tiles of `tile` latents that overlap by a quarter and are blended linearly
   * (Diffusers' tiled_decode). Needs memory for one tile only; each tile has its own norm
   * statistics, so the picture differs slightly.
   */
  mx::array decode_tiled(const mx::array& latent, int tile) const;

  const Config& config() const { return config_; }
  mx::Dtype dtype() const { return dtype_; }

 private:
  mx::array moments(const mx::array& picture) const;
  mx::array unscaled(const mx::array& latent) const;
  mx::array decode_unscaled(const mx::array& z) const;

  Config config_;
  mx::Dtype dtype_;
  Encoder encoder_;
  Decoder decoder_;
  std::optional<nn::Conv2d> quant_conv_, post_quant_conv_;
};

}  // namespace corepulse::vae
