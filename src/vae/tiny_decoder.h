#pragma once
// TAESD's decoder (Diffusers' AutoencoderTiny): from the UNet's latents to a picture in a small part of the VAE's time,
// for previews.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "nn/layers.h"

namespace corepulse::vae {

/** Three convolutions and what they stand on: relu(x + conv(relu(conv(relu(conv(x)))))). */
struct TinyBlock {
  TinyBlock(const nn::Weights& w, int channels);
  mx::array operator()(const mx::array& x) const;

  nn::Conv2d conv_0, conv_2, conv_4;
};

class TinyDecoder {
 public:
  /**
   * @param w with Diffusers' names, below "decoder.layers".
   * @throws Error{unsupported_model} naming a tensor that is missing, misshapen or left over.
   */
  explicit TinyDecoder(const nn::Weights& w);

  /** latents as the UNet knows them [B, h, w, 4] -> pictures [B, 8h, 8w, 3], about -1..1. */
  mx::array operator()(const mx::array& latents) const;

 private:
  /** Blocks at one size; between sizes a convolution without a bias follows the enlarging. */
  struct Level {
    std::vector<TinyBlock> blocks;
    std::vector<kernels::Conv2d> enlarged;  ///< One, or none at full size.
  };

  nn::Conv2d conv_in_;
  std::vector<Level> levels_;
  std::vector<nn::Conv2d> conv_out_;
};

/**
 * Of a file in safetensors with Diffusers' names (decoder.layers.0.weight) or the original ones (1.weight); an encoder
 * in it is left out. @throws Error as io::open_safetensors; unsupported_model for a file that is something else.
 */
TinyDecoder open_tiny_decoder(const std::filesystem::path& file);
/** About what such a file and a picture that it draws take in memory; latents of height x width. @throws as above. */
uint64_t tiny_decoder_bytes(const std::filesystem::path& file, int height, int width);
/** Throws what open_tiny_decoder would, by the file's header alone; on any thread. */
void check_tiny_decoder(const std::filesystem::path& file);

}  // namespace corepulse::vae
