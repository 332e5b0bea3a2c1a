#pragma once
// Attention that is computed by another function than ours.

#include <functional>
#include <optional>

#include "base/tensor.h"
#include "control/plan.h"

namespace corepulse::attention {

/** Heads apart, q not scaled yet; `bias` is added to what the function takes a softmax of. */
struct ReplacedInput {
  mx::array q, k, v;              // [1, H, N, D], [1, H, T, D], [1, H, T, D]
  std::optional<mx::array> bias;  // [1, 1, 1, T]
};

/** -> [1, H, N, D]. */
using Replacement = std::function<mx::array(const ReplacedInput&, const control::Site&, const control::Step&)>;

/** The function of Reading::replaced at a step. */
using Replacements = std::function<Replacement(int index, const control::Step& step)>;

/** softmax(max(L, 1e-8)^power + bias) V with L = Q K^T / sqrt(D), in float32; slow, but never more than 64 MB of L. */
Replacement sharpen(double power);

}  // namespace corepulse::attention
