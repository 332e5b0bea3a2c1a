#include "kernels/attention.h"

#include <fmt/format.h>
#include <limits>

#include "mlx/fast.h"

#include "base/fail.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cuda/cuda.h"
#include "kernels/device.h"
#include "kernels/metal/attention.h"

namespace corepulse::kernels {
namespace {

void check(const mx::array& q, const mx::array& k, const mx::array& v, const AttentionOptions& o) {
  check_shape(q, {-1, -1, -1}, "attention");
  check_shape(k, {q.shape(0), -1, q.shape(2)}, "attention");
  check_shape(v, k.shape(), "attention");
  if (o.bias) check_shape(*o.bias, {k.shape(0), k.shape(1)}, "attention");
  const int width = q.shape(2);
  if (o.heads < 1 || width % o.heads != 0 || width / o.heads > kMaxHeadSize || width == 0)
    fail(ErrorCode::internal, "attention",
         fmt::format("{} numbers in {} heads; expected heads of 1..{} numbers", width, o.heads, kMaxHeadSize));
}

/** [B, N, H*D] -> [B, H, N, D]. */
mx::array split_heads(const mx::array& x, int heads) {
  return mx::transpose(mx::reshape(x, {x.shape(0), x.shape(1), heads, x.shape(2) / heads}), {0, 2, 1, 3});
}

mx::array merge_heads(const mx::array& x) {
  return mx::reshape(mx::transpose(x, {0, 2, 1, 3}), {x.shape(0), x.shape(2), x.shape(1) * x.shape(3)});
}

/** What is added to the logits [B, H, N, T], broadcastable to them; none if nothing is. */
std::optional<mx::array> additive_mask(int queries, int keys, mx::Dtype dtype, const AttentionOptions& o) {
  std::optional<mx::array> mask;
  if (o.bias) mask = mx::astype(mx::expand_dims(*o.bias, {1, 2}), dtype);
  if (o.causal) {
    const auto row = mx::expand_dims(mx::arange(queries), 1), key = mx::expand_dims(mx::arange(keys), 0);
    const mx::array hidden(-std::numeric_limits<float>::infinity(), dtype);
    const auto causal = mx::where(mx::greater(key, row), hidden, mx::zeros_like(hidden));
    mask = mask ? *mask + causal : causal;
  }
  return mask;
}

// Softmax over nothing is 0/0; the contract says zeros.
mx::array zero_where_masked(const mx::array& y, const std::optional<mx::array>& mask) {
  if (!mask) return y;
  const auto visible = mx::greater(mx::max(*mask, -1, true), like(-std::numeric_limits<float>::infinity(), *mask));
  return mx::where(visible, y, mx::zeros_like(y));
}

}  // namespace

mx::array attention(const mx::array& q, const mx::array& k, const mx::array& v, const AttentionOptions& o) {
  check(q, k, v, o);
  if (k.shape(1) == 0) return mx::zeros_like(q);
  if (const auto y = cpu::attention(q, k, v, o)) return *y;
  if (const auto y = cuda::attention(q, k, v, o)) return *y;
  const auto mask = additive_mask(q.shape(1), k.shape(1), q.dtype(), o);
  const auto queries = split_heads(q, o.heads), keys = split_heads(k, o.heads), values = split_heads(v, o.heads);
  const auto y =
      on_metal() ? metal_attention(queries, keys, values, o.scale, mask)
                 : mx::fast::scaled_dot_product_attention(queries, keys, values, o.scale, mask ? "array" : "", mask);
  return merge_heads(zero_where_masked(y, mask));
}

mx::array attention_reference(const mx::array& q, const mx::array& k, const mx::array& v, const AttentionOptions& o) {
  check(q, k, v, o);
  if (k.shape(1) == 0) return mx::zeros_like(q);
  const auto keys = mx::swapaxes(split_heads(k, o.heads), 2, 3);
  auto logits = mx::matmul(split_heads(q, o.heads), keys) * like(o.scale, q);
  const auto mask = additive_mask(q.shape(1), k.shape(1), q.dtype(), o);
  if (mask) logits = logits + *mask;
  const auto y = mx::matmul(mx::softmax(logits, -1, true), split_heads(v, o.heads));
  return merge_heads(zero_where_masked(y, mask));
}

}  // namespace corepulse::kernels
