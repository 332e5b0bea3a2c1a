#pragma once
// What a sampler of ComfyUI's graph says: KSampler, KSamplerAdvanced, and SamplerCustom's nodes together.

#include <optional>
#include <string>
#include <vector>

#include "pipeline/foreign/comfy_nodes.h"

namespace corepulse::pipeline {

struct ComfySampling {
  const ComfyNode* node = nullptr;
  const ComfyNode* guider = nullptr;  ///< What is linked to the model and the texts: the node itself, or another.
  const io::Json* seed = nullptr;     ///< null: not known.
  std::optional<double> steps, guidance, denoise, eta;
  std::string sampler, scheduler;         ///< "": not known.
  std::vector<double> sigmas, timesteps;  ///< Instead of steps and scheduler.
  std::optional<double> from, to;         ///< The part of the steps that it runs, where it says one.
  bool adds_noise = true, keeps_noise = false;
  std::vector<std::string> left_out;  ///< What is not carried over.
};

bool is_comfy_sampler(const ComfyNode& node);

/** @throws as ComfyNodes::linked. */
ComfySampling comfy_sampling(const ComfyNodes& nodes, const ComfyNode& node);

}  // namespace corepulse::pipeline
