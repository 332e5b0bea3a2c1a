#pragma once
// The picture goes through the resnets of a network: who looks at what each adds, and what goes on in its place.

#include <optional>
#include <vector>

#include "nn/resnet_block.h"
#include "unet/call_inputs.h"
#include "unet/transformer.h"

namespace corepulse::unet {

/** Those of one call, in order of execution. */
class Resnets {
 public:
  /** Nobody looks. The arguments must outlive this. */
  Resnets(const nn::TimeRows& time, const Pass& pass) : time_(time), pass_(pass) {}
  /** The UNet's. @param sites unet::resnets. */
  Resnets(const nn::TimeRows& time, const Pass& pass, const CallInputs& inputs, const std::vector<control::Site>& sites)
      : time_(time), pass_(pass), inputs_(&inputs), sites_(&sites) {}

  /** x behind the next one. */
  mx::array operator()(const nn::ResnetBlock& resnet, const kernels::Beside& x);

 private:
  bool looked_at(int place) const;
  bool recorded(int place) const;
  void record(int place, const mx::array& added) const;
  /** What is to be added to what it adds, float32; nothing: it stays. */
  std::optional<mx::array> change(int place, const mx::array& added) const;

  const nn::TimeRows& time_;
  const Pass& pass_;
  const CallInputs* inputs_ = nullptr;
  const std::vector<control::Site>* sites_ = nullptr;
  int next_ = 0;
};

}  // namespace corepulse::unet
