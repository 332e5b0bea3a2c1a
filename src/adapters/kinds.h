#pragma once
// One function for each kind of adapter: what a layer's tensors change. Shapes are checked here, before any arithmetic.

#include <memory>

#include "adapters/adapter.h"
#include "adapters/stored.h"

namespace corepulse::adapters {

/** A difference of the weight, and what to call it. */
struct Change {
  std::shared_ptr<const Delta> delta;
  const char* kind = "";  ///< "LoRA".
  int64_t rank = 0;       ///< 0: of no low rank.
  bool dora = false;      ///< With lengths of its own.
};

/** What the layer's tensors change in its weight, whatever kind they are of; none if they change nothing there.
 * @throws Error bad_file. */
Change change_weight(Layer& layer, Dora dora);
/** In its bias. */
std::shared_ptr<const Delta> change_bias(Layer& layer);

/** strength * alpha / rank * up * down, with a core between if there is one. @throws Error bad_file. */
Change lora(Layer& layer);

/** Elementwise product of two such products. */
Change loha(Layer& layer);
/** strength * alpha / rank * the Kronecker product of two factors. */
Change lokr(Layer& layer);
/** `inner` with the lengths that the layer says. */
Change dora(Layer& layer, Change inner, Dora how);
/** strength * alpha / rank * (W a1 a2 + b1 b2). */
Change glora(Layer& layer);
/** OFT and BOFT: blocks of outputs are rotated. */
Change oft(Layer& layer);
/** Outputs or inputs are scaled. */
Change ia3(Layer& layer);
/** "diff", "w_norm": the difference itself; "set_weight": what the weight becomes at strength 1. */
Change whole(Layer& layer);

/** strength * the tensor itself, times factor. */
std::shared_ptr<const Delta> sum(const Stored& stored, float factor = 1);

}  // namespace corepulse::adapters
