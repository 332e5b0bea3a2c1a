#pragma once
// Strengths by block, in the numbers of A1111's extension lora-block-weight.

#include <vector>

#include "control/site.h"

namespace corepulse::control {

/** How many numbers it takes for SD 1 and 2, and for SDXL; the first is the text encoders'. */
constexpr size_t kBlocks = 17, kBlocksXL = 12;

/** Of a layer, by the LDM block that holds it; 0 where no number is counted for it. */
double block_strength(const Site& layer, const std::vector<double>& blocks);

}  // namespace corepulse::control
