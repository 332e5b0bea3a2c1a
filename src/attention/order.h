#pragma once
// Tokens that change places behind a layer.

#include <vector>

#include "attention/pass.h"
#include "kernels/sum.h"

namespace corepulse::attention {

/** What a layer's result and what it is added to are together, with the tokens of each row in its order (see
 * AttentionPlan::orders). */
kernels::Sum reordered(const kernels::Sum& out, const std::vector<control::Values>& orders, RunCache& cache);

}  // namespace corepulse::attention
