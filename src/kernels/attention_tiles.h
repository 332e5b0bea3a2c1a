#pragma once
// Flash attention in bfloat16 on AMX's tiles.

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
  const BFloat16 *q, *k, *v;                  // [batch, queries or keys, heads * size]
  const float* bias = nullptr;                // [batch, keys] or null
  BFloat16* out;                              // [batch, queries, heads * size]
};

/** Whether the vector part can run here: AVX-512 with VBMI and BF16, which every processor with AMX has. */
bool has_tile_vectors();
/** Whether the tiles are here too: has_amx(), and a compiler whose assembler knows them without being asked (g++). */
bool has_tiles();

/**
 * out = softmax(scale q k + bias) v. The weights are rounded to bfloat16, sums are float32: within 1e-2 of the largest
 * result. A query's bits depend on its own numbers and its batch row's keys alone. A query whose keys are all masked
 * (-inf) gives zeros; one that sees a logit that is not a number, or +inf, gives NaN.
 * @param plain with tiles in plain C++ instead of AMX: slow, for tests.
 */
void attend_with_tiles(const TileAttention& task, bool plain = false);

}  // namespace corepulse::kernels
