#pragma once
// Whole attention maps, for those who look at them: the formula written out, in float32.

#include <optional>

#include "attention/pass.h"

namespace corepulse::attention {

/** What a reading computes with: q [1, N or 1, H*D], keys and values [1, T, H*D], bias [1, T]. */
struct Logits {
  mx::array q;
  KeyValue kv;
  std::optional<mx::array> bias;
  float temperature = 1;
  int heads = 1;
};

/** softmax(q k^T / (sqrt(D) temperature) + bias): [1, H, N or 1, T]. */
mx::array map_of(const Logits& logits);

/** What pixels find more by one map than by another: change [1, H, N, T] of v -> [1, N, H*D], float32. */
mx::array found_by(const mx::array& change, const Logits& logits);

}  // namespace corepulse::attention
