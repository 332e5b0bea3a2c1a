#pragma once
// Two samplers of ComfyUI's graph, one after the other, as a run of two passes.

#include <optional>
#include <vector>

#include "corepulse/recipe.h"

#include "pipeline/foreign/comfy_sampling.h"

namespace corepulse::pipeline {

/** A sampler, and what stands between it and the one before: the last node first. */
struct ComfyPass {
  ComfySampling sampling;
  std::vector<const ComfyNode*> before;
};

/**
 * The second pass that `last` makes of what `first` drew; nothing where a second pass does not do the same: another
 * model, other texts, another way of enlarging. @param recipe with the first pass's size.
 */
std::optional<SecondPass> comfy_second_pass(const ComfyNodes& nodes, const ComfySampling& first, const ComfyPass& last,
                                            const Recipe& recipe);

}  // namespace corepulse::pipeline
