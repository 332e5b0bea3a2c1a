#pragma once
// Flash attention on AMX's tiles: in bfloat16, or in float32 as product.h says.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/number.h"

namespace corepulse::kernels {

/** One call: its sizes and where its numbers lie. No causal limit. */
struct TileAttention {
  int64_t batch, heads, queries, keys, size;  // size: of one head, at most kMaxHeadSize
  float scale;                                // positive
  ConstNumbers q, k, v;                       // [batch, queries or keys, heads * size]
  const float* bias = nullptr;                // [batch, keys] or null
  Numbers out;                                // [batch, queries, heads * size], of the same type

  bool split() const { return !q.bf16(); }
};

/** Whether the vector part can run here: AVX-512 with VBMI and BF16, which every processor with AMX has. */
bool has_tile_vectors();
/** Whether the tiles are here too: has_amx(), and a compiler whose assembler knows them without being asked (g++). */
bool has_tiles();

/**
 * out = softmax(scale q k + bias) v. In bfloat16 the weights are rounded to it and sums are float32: within 1e-2 of the
 * largest result. In float32 logits are as exact as float32 sums; weights and values are split: within 1e-5 of it.
 * A query's bits depend on its own numbers and its batch row's keys alone. A query whose keys are all masked
 * (-inf) gives zeros; one that sees a logit that is not a number, or +inf, gives NaN.
 * @param plain with tiles in plain C++ instead of AMX: slow, for tests.
 */
void attend_with_tiles(const TileAttention& task, bool plain = false);

}  // namespace corepulse::kernels
