#pragma once
// One function for each kind of adapter: what a layer's tensors change. Shapes are checked here, before any arithmetic.

#include <memory>

#include "adapters/adapter.h"
#include "adapters/stored.h"

namespace corepulse::adapters {

using DeltaPointer = std::shared_ptr<const Delta>;

/** What the layer's tensors change in its weight, whatever kind they are of; null if they change nothing there.
 * @throws Error bad_file. */
DeltaPointer change_weight(Layer& layer, Dora dora);
/** In its bias. */
DeltaPointer change_bias(Layer& layer);

/** strength * alpha / rank * up * down, with a core between if there is one. @throws Error bad_file. */
DeltaPointer lora(Layer& layer);

/** Elementwise product of two such products. */
DeltaPointer loha(Layer& layer);
/** strength * alpha / rank * the Kronecker product of two factors. */
DeltaPointer lokr(Layer& layer);
/** `inner` with the lengths that the layer says. */
DeltaPointer dora(Layer& layer, DeltaPointer inner, Dora how);
/** strength * alpha / rank * (W a1 a2 + b1 b2). */
DeltaPointer glora(Layer& layer);
/** OFT and BOFT: blocks of outputs are rotated. */
DeltaPointer oft(Layer& layer);
/** Outputs or inputs are scaled. */
DeltaPointer ia3(Layer& layer);
/** PEFT's: blocks of inputs are rotated. */
DeltaPointer peft_oft(Layer& layer);
DeltaPointer peft_boft(Layer& layer);
/** PEFT's: its factors are 1 where nothing changes, and those of outputs scale the bias, too. */
DeltaPointer peft_ia3(Layer& layer);
DeltaPointer peft_ia3_bias(Layer& layer);
/** "diff", "w_norm": the difference itself; "set_weight": what the weight becomes at strength 1. */
DeltaPointer whole(Layer& layer);

/** strength * the tensor itself, times factor. */
DeltaPointer sum(const Stored& stored, float factor = 1);

/** strength * (factors + offset) * original, a factor for each of its outputs or inputs. */
DeltaPointer scaled(const Stored& factors, float offset, bool on_input, int64_t out, int64_t in);

/** (I + Q) (I - Q)^-1 of a block X [n, n], Q = X - X^T times `factor`: a rotation. The block is made it. */
void rotate(float* block, int64_t n, double factor);

}  // namespace corepulse::adapters
