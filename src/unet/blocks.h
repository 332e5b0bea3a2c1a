#pragma once
// The UNet's blocks: down (composition), middle, up (detail). Names as Diffusers'
// CrossAttnDownBlock2D and kin.

#include <optional>
#include <span>
#include <vector>

#include "unet/call_inputs.h"
#include "unet/resnets.h"
#include "unet/transformer.h"

namespace corepulse::unet {

/** What the constructors of all blocks need. */
struct BlockContext {
  const Config& config;
  const std::vector<control::Site>& sites;
  nn::TimeInput time;
};

/** What the down half leaves behind for the up half. */
struct Skips {
  std::vector<mx::array> left;
  /** What is added to each where it is made, and so to what goes on from there; empty: nothing. */
  const std::vector<mx::array>& features;

  /** x with what is added to it, kept. */
  mx::array leave(mx::array x) {
    left.push_back(features.empty() ? std::move(x) : x + features.at(left.size()));
    return left.back();
  }
};

struct Sampler2D {  // downsamplers.0 / upsamplers.0
  Sampler2D(const nn::Weights& w, int channels, int stride, kernels::Padding padding)
      : conv(w / "conv", channels, channels, 3, stride, padding) {}
  nn::Conv2d conv;
};

struct DownBlock {
  DownBlock(const nn::Weights& w, const BlockContext& context, int index, int in, int out);
  /** Leaves every intermediate feature map in `skips`, for the up block that mirrors this one. */
  mx::array operator()(mx::array x, Resnets& through, const Pass& pass, Skips& skips) const;
  std::vector<nn::ResnetBlock> resnets;
  std::vector<std::optional<Transformer2D>> attentions;  ///< By resnet.
  std::optional<Sampler2D> downsamplers_0;
};

struct MiddleBlock {
  MiddleBlock(const nn::Weights& w, const BlockContext& context, int channels);
  mx::array operator()(mx::array x, Resnets& through, const Pass& pass) const;
  std::vector<nn::ResnetBlock> resnets;
  std::optional<Transformer2D> attentions_0;  ///< Behind the first resnet.
};

struct UpBlock {
  /** @param skip_channels channels of the skips it takes, in the order taken. */
  UpBlock(const nn::Weights& w, const BlockContext& context, int index, int in, int out,
          const std::vector<int>& skip_channels);
  /** Takes its skips from the end of `skips`. @param gains those of its resnets and of later ones: its own are taken.
   */
  mx::array operator()(mx::array x, Resnets& through, const Pass& pass, std::vector<mx::array>& skips,
                       std::span<const CallInputs::Gain>& gains) const;
  int first_joint = 0;  ///< Its first resnet's, in order of execution.
  std::vector<nn::ResnetBlock> resnets;
  std::vector<std::optional<Transformer2D>> attentions;  ///< By resnet.
  std::optional<Sampler2D> upsamplers_0;
};

}  // namespace corepulse::unet
