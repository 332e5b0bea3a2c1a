#include "attention/maps.h"

#include <cmath>

namespace corepulse::attention {
namespace {

/** [1, H, T, D] of [1, T, H*D]. */
mx::array by_head(const mx::array& x, int heads) {
  return mx::transpose(mx::reshape(mx::astype(x, mx::float32), {1, x.shape(1), heads, -1}), {0, 2, 1, 3});
}

}  // namespace

mx::array map_of(const Logits& logits) {
  const auto q = by_head(logits.q, logits.heads), k = by_head(logits.kv.k, logits.heads);
  const float scale = 1 / (std::sqrt(static_cast<float>(q.shape(3))) * logits.temperature);
  auto sum = mx::matmul(q * mx::array(scale), mx::swapaxes(k, 2, 3));
  if (logits.bias) sum = sum + mx::reshape(mx::astype(*logits.bias, mx::float32), {1, 1, 1, -1});
  return mx::softmax(sum, -1, true);
}

mx::array found_by(const mx::array& change, const Logits& logits) {
  const auto found = mx::matmul(change, by_head(logits.kv.v, logits.heads));
  return mx::reshape(mx::transpose(found, {0, 2, 1, 3}), {1, change.shape(2), -1});
}

}  // namespace corepulse::attention
