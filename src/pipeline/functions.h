#pragma once
// Attention functions of a request and of the engine, as control and the UNet know them.

#include <memory>
#include <vector>

#include "corepulse/attention_function.h"

#include "attention/function.h"
#include "control/inputs.h"
#include "control/program/timeline.h"

namespace corepulse::pipeline {

using FunctionList = std::vector<std::shared_ptr<const ReplacedAttention>>;

/** What control is told of them. @throws Error{invalid_request} for an empty one. */
std::vector<control::FunctionUse> function_uses(const FunctionList& functions);

/** A bias cannot be handed to a user's function: refused rather than lost. @throws Error{invalid_request}. */
void require_no_bias(const control::Program& program);

/** By Reading::function. `control` and `functions` must outlive it. */
attention::Functions attention_functions(const control::Timeline& control, const FunctionList& functions,
                                         int latent_height, int latent_width);

}  // namespace corepulse::pipeline
