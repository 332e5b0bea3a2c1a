#pragma once
// The conditional UNet that does the denoising: Diffusers' UNet2DConditionModel with open
// attention.

#include <optional>
#include <vector>

#include "unet/blocks.h"
#include "unet/call_inputs.h"
#include "unet/moment.h"
#include "unet/sites.h"

namespace corepulse::unet {

/** SDXL's added conditioning, one entry per batch row. */
struct AddedConditioning {
  mx::array pooled;                          // [B, pooled width]
  std::vector<std::vector<float>> time_ids;  // B times as many as the UNet was trained with: 6, SDXL's refiner 5
};

class UNet {
 public:
  /** @throws Error{unsupported_model} naming a tensor that is missing, misshapen or left over. */
  UNet(const nn::Weights& w, const Config& config);

  /**
   * x [B, h, w, in_channels], scaled as the model wants it -> the prediction [B, h, w,
   * out_channels]. The timestep and the rows' roles are in pass.step; step.rows.size() is B.
   */
  mx::array operator()(const mx::array& x, const Pass& pass, const std::optional<AddedConditioning>& added = {}) const;

  /** All that the call computes from, in x's type, beside the weights and what control decides. */
  CallInputs inputs(const mx::array& x, const Pass& pass, const std::optional<AddedConditioning>& added) const;
  /** The call itself; of pass.step it reads the rows and hands the rest to control. */
  mx::array operator()(const CallInputs& inputs, const Pass& pass) const;

  const Config& config() const { return config_; }
  const std::vector<control::Site>& sites() const { return sites_; }
  const std::vector<control::Site>& resnets() const { return resnets_; }

 private:
  Config config_;
  std::vector<control::Site> sites_, resnets_;
  Moment moment_;
  std::optional<kernels::JoinedLinear> time_projections_;  ///< Every resnet's, of which the blocks hold their own.
  std::vector<std::string> time_layers_;                   ///< Their paths.
  nn::Conv2d conv_in_;
  std::vector<DownBlock> down_blocks_;
  std::optional<MiddleBlock> mid_block_;
  std::vector<UpBlock> up_blocks_;
  nn::GroupNorm conv_norm_out_;
  nn::Conv2d conv_out_;
};

}  // namespace corepulse::unet
