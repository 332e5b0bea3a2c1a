#pragma once
// T2I-Adapter (Mou et al. 2023): a small network that sees the picture alone, not the moment nor the text; what it
// makes is added to the UNet's down half. Three forms: full, light, and SDXL's.

#include <optional>
#include <vector>

#include "nn/layers.h"
#include "unet/config.h"

namespace corepulse::unet {

/** A T2I-Adapter's shape. */
struct T2iAdapterConfig {
  bool light = false;        ///< Narrow inside its blocks, with a 1x1 convolution on both sides.
  int picture_channels = 3;  ///< 1: it reads shades of grey, the mean of the three.
  int unshuffle = 8;         ///< A square of so many pixels a side becomes one, its pixels channels.
  /** Of the network's blocks, each of which makes one feature. */
  struct Block {
    int channels = 320;
    bool halves = false;  ///< What it is given, first.
    int skip = 0;         ///< Of unet::skips(the UNet's config): where its feature is added.
  };
  std::vector<Block> blocks;
  int resnets = 2;                 ///< In each block.
  std::vector<int> skip_channels;  ///< Of all places of unet::skips(the UNet's config).
};

class T2iAdapter {
 public:
  /** @throws Error{unsupported_model} naming a tensor that is missing or misshapen. */
  T2iAdapter(const nn::Weights& w, const T2iAdapterConfig& config);

  /**
   * Of a picture [1, H, W, 3], 0..1: by skip, the middle block's result last, what is added to it. [1, h, w, C] each;
   * [1, 1, 1, C] of zeros where it adds nothing. A size that does not divide is filled up with the picture's edge.
   */
  std::vector<mx::array> operator()(mx::array picture) const;

 private:
  struct Resnet {
    Resnet(const nn::Weights& w, int channels, bool light);
    mx::array operator()(const mx::array& x) const;
    nn::Conv2d block1, block2;
  };
  struct Block {
    Block(const nn::Weights& w, const T2iAdapterConfig& config, int in, const T2iAdapterConfig::Block& own);
    mx::array operator()(mx::array x) const;
    bool halves;
    std::optional<nn::Conv2d> in_conv;
    std::vector<Resnet> resnets;
    std::optional<nn::Conv2d> out_conv;
  };

  T2iAdapterConfig config_;
  std::optional<nn::Conv2d> conv_in_;
  std::vector<Block> body_;
};

}  // namespace corepulse::unet
