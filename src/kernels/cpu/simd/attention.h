#pragma once
// Flash attention on plain memory, for the best instruction set of this machine.

#include <cstdint>

#include "kernels/number.h"

namespace corepulse::kernels {

/** One attention call: its sizes, its inputs, and where the packed copies of keys and values lie, as float32. */
struct AttentionTask {
  int64_t batch, heads, queries, keys, size;  // size: of one head
  float scale;
  bool causal;
  ConstNumbers q{}, k{}, v{};   // [batch, queries or keys, heads * size]
  const float* bias = nullptr;  // [batch, keys] or null
  Numbers out{};                // [batch, queries, heads * size], of q's type as k and v are

  // Filled by plan_attention; the counts are in floats.
  int64_t tile_keys = 0, block_queries = 0;  // keys per softmax step, queries per unit of work
  int64_t packed_keys = 0, packed_values = 0, packed_bias = 0, workspace = 0;  // per head, head, batch row, worker
  bool few_keys = false;  // the keys and values of all heads fit in a cache
  float *key_store = nullptr, *value_store = nullptr, *bias_store = nullptr;

  int64_t tiles() const { return (keys + tile_keys - 1) / tile_keys; }
  int64_t blocks() const { return (queries + block_queries - 1) / block_queries; }
  int64_t pack_units() const { return batch * heads * tiles(); }
  int64_t units() const { return batch * heads * blocks(); }
};

/** Chooses tile sizes from the head size alone, so that no result depends on the other sizes. */
void plan_attention(AttentionTask& task);

/** Packs the bias of one batch row. */
void pack_attention_bias(const AttentionTask& task, int64_t batch_row);

/** Packs the keys and values of one tile of one head; unit < pack_units(). */
void pack_attention(const AttentionTask& task, int64_t unit);

/** Computes one block of queries of one head; unit < units(), after all packing. */
void attend(const AttentionTask& task, int64_t unit, float* workspace);

}  // namespace corepulse::kernels
