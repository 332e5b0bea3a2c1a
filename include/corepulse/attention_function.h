#pragma once
// Attention of your own, in place of the engine's at chosen layers. This and probe.h alone include MLX.
//
//   namespace mx = mlx::core;
//   request.functions = {replace_attention("output:1", [](const mx::array& q, const mx::array& k, const mx::array& v,
//                                                         const AttentionSite&, const AttentionStep&) {
//     const auto logits = mx::matmul(q, mx::swapaxes(k, 2, 3)) * mx::array(1 / std::sqrt(float(q.shape(3))),
//     q.dtype()); return mx::matmul(mx::softmax(logits, -1, true), v);
//   })};
//
// It is slow: nothing is fused, and what is written as N x T numbers is held as N x T numbers.

#include <functional>
#include <memory>
#include <string>

#include "corepulse/control.h"

#include "mlx/array.h"

namespace corepulse {

/** The layer that is computed. */
struct AttentionSite {
  std::string path;           ///< "up_blocks.0.attentions.2.transformer_blocks.0.attn2".
  bool cross = true;          ///< The picture reads the text, or itself.
  int heads = 1;              ///< H.
  int height = 0, width = 0;  ///< Of its grid of pixels: N = height * width.
};

/** The model call it is computed in. */
struct AttentionStep {
  int index = 0, count = 1;      ///< Step, from 0, of how many.
  double progress = 0;           ///< 0 at the first step, 1 at the last.
  double t = 0, sigma = 0;       ///< Timestep and noise level of this very call.
  bool first_evaluation = true;  ///< False in a sampler's second call of a step.
};

/**
 * q [rows, H, N, D], not yet scaled, k and v [rows, H, T, D] -> [rows, H, N, D] of the same dtype. Rows are separate
 * pictures, or the negative prompt's side of one; how many come at once is not promised. Gains and temperatures of
 * other controls are in q, k and v already.
 *
 * Called on the engine's thread, while the network is built lazily; it must be pure: the same arrays, the same result.
 * An exception ends the run and comes back from generate as it is. Where a capture watches the same layer, it is called
 * again with values v that are 1 at the watched keys and 0 elsewhere: the map shows what it makes of those.
 */
using AttentionFunction =
    std::function<mlx::core::array(const mlx::core::array& q, const mlx::core::array& k, const mlx::core::array& v,
                                   const AttentionSite& site, const AttentionStep& step)>;

/** A function, and where it acts. It acts after all controls of the recipe; of several at one layer the last does. */
struct ReplacedAttention {
  AttentionFunction function;
  std::string where;  ///< As Control::where.
  AttentionKind attention = AttentionKind::both;
  Window when = {};
  Rows rows = Rows::both;
};

inline std::shared_ptr<const ReplacedAttention> replace_attention(std::string where, AttentionFunction function,
                                                                  AttentionKind attention = AttentionKind::both,
                                                                  Window when = {}, Rows rows = Rows::both) {
  return std::make_shared<const ReplacedAttention>(
      ReplacedAttention{std::move(function), std::move(where), attention, when, rows});
}

}  // namespace corepulse
