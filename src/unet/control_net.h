#pragma once
// ControlNet (Zhang et al. 2023): a copy of the UNet's down half that sees a picture, too; what it makes of it is added
// to the UNet's skips.

#include <optional>
#include <vector>

#include "unet/blocks.h"
#include "unet/moment.h"
#include "unet/several_types.h"

namespace corepulse::unet {

/** A ControlNet's shape. */
struct ControlNetConfig {
  Config trunk;  ///< As a UNet's, whose up blocks are not there.
  /** Channels of the picture's encoder, from the finest level to the coarsest: each but the first halves. */
  std::vector<int> hint{16, 32, 96, 256};
  int hint_channels = 3;
  int types = 0;       ///< Of pictures that it tells apart (Union: 6, ProMax: 8); 0: it has one.
  int type_width = 0;  ///< Numbers by which it is told of each.

  /** The picture's pixels along a side of a latent's. */
  int hint_downscale() const { return 1 << (hint.size() - 1); }
};

/** Turns a picture into what is added behind conv_in. */
struct HintEncoder {
  HintEncoder(const nn::Weights& w, const ControlNetConfig& config);
  mx::array operator()(mx::array x) const;  // [1, H, W, hint_channels] -> [1, h, w, channels]
  nn::Conv2d conv_in;
  std::vector<nn::Conv2d> blocks;
  nn::Conv2d conv_out;
};

class ControlNet {
 public:
  /** @throws Error{unsupported_model} naming a tensor that is missing, misshapen or left over. */
  ControlNet(const nn::Weights& w, const ControlNetConfig& config);

  /** Of a picture [1, H, W, hint_channels], 0..1: the same at every step. @param type its, where types are told apart.
   */
  CallInputs::Hint hint(const mx::array& picture, int type = 0) const;

  /**
   * By skip, the middle block's result last: what is added to it. [B, h, w, C] each.
   * @param inputs the UNet's own with a hint; of the sample the first in_channels are read. @param pass whose control
   * says what rows read: at sites().
   */
  std::vector<mx::array> operator()(const CallInputs& inputs, const Pass& pass) const;

  const ControlNetConfig& config() const { return config_; }
  const std::vector<control::Site>& sites() const { return sites_; }

 private:
  ControlNetConfig config_;
  std::vector<control::Site> sites_;
  Moment moment_;
  nn::Conv2d conv_in_;
  HintEncoder controlnet_cond_embedding_;
  std::optional<SeveralTypes> several_types_;
  std::vector<DownBlock> down_blocks_;
  std::optional<MiddleBlock> mid_block_;
  std::optional<kernels::JoinedLinear> time_projections_;
  // 1x1 convolutions, as matrices.
  std::vector<nn::Linear> controlnet_down_blocks_;
  std::optional<nn::Linear> controlnet_mid_block_;
};

}  // namespace corepulse::unet
