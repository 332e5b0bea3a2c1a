#pragma once
// Attention functions: what computes a reading in place of our own attention, a user's or one of the engine's.

#include <functional>
#include <optional>

#include "base/tensor.h"
#include "control/plan.h"

namespace corepulse::attention {

/** Heads apart, q not scaled yet; `bias` is added to what the function takes a softmax of. */
struct FunctionInput {
  mx::array q, k, v;              // [1, H, N, D], [1, H, T, D], [1, H, T, D]
  std::optional<mx::array> bias;  // [1, 1, 1, T]
};

/** -> [1, H, N, D]. */
using Function = std::function<mx::array(const FunctionInput&, const control::Site&, const control::Step&)>;

/** The function that Reading::function names at a step. */
using Functions = std::function<Function(int index, const control::Step& step)>;

/** softmax(max(L, 1e-8)^power + bias) V with L = Q K^T / sqrt(D), in float32; slow, but never more than 64 MB of L. */
Function sharpen(double power);

}  // namespace corepulse::attention
