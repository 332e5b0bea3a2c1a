#include "kernels/attention.h"

#include <fmt/format.h>
#include <limits>

#include "mlx/fast.h"

#include "base/fail.h"
#include "kernels/amx/attention.h"
#include "kernels/cpu/primitive.h"
#include "kernels/cpu/simd/attention.h"
#include "kernels/cuda/attention.h"
#include "kernels/parallel.h"
#include "kernels/stop.h"

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

#ifdef COREPULSE_CPU_KERNELS

bool fits_tiles(const AttentionTask& t) {
  // A logit's bias is divided by the scale there, which must not lose it.
  return !t.causal && t.scale >= 1e-6f && has_tiles();
}

void run_on_tiles(const AttentionTask& t) {
  attend_with_tiles({t.batch, t.heads, t.queries, t.keys, t.size, t.scale, t.q, t.k, t.v, t.bias, t.out});
}

void run(AttentionTask task) {
  if (fits_tiles(task)) return run_on_tiles(task);
  plan_attention(task);
  const int64_t heads = task.batch * task.heads;
  const int64_t keys = heads * task.packed_keys, values = heads * task.packed_values;
  const int64_t bias = task.batch * task.packed_bias, workers = threads();
  float* memory = scratch(static_cast<size_t>(keys + values + bias + workers * task.workspace) * sizeof(float));
  task.key_store = memory;
  task.value_store = memory + keys;
  task.bias_store = memory + keys + values;
  float* const workspaces = task.bias_store + bias;
  for (int64_t row = 0; row < task.batch; ++row) pack_attention_bias(task, row);
  parallel_for(task.pack_units(), [&](int64_t unit, int) { pack_attention(task, unit); });
  parallel_for(task.units(), [&](int64_t unit, int worker) {
    // The one kernel whose work grows with the square of the picture's.
    if (!stop_asked()) attend(task, unit, workspaces + worker * task.workspace);
  });
}

mx::array flash_attention(const mx::array& q, const mx::array& k, const mx::array& v, const AttentionOptions& o) {
  const AttentionTask sizes{.batch = q.shape(0),
                            .heads = o.heads,
                            .queries = q.shape(1),
                            .keys = k.shape(1),
                            .size = q.shape(2) / o.heads,
                            .scale = o.scale,
                            .causal = o.causal};
  std::vector<mx::array> inputs{q, mx::astype(k, q.dtype()), mx::astype(v, q.dtype())};
  if (o.bias) inputs.push_back(mx::astype(*o.bias, mx::float32));
  return cpu_op("attention", std::move(inputs), q.shape(), [sizes](const Inputs& in, Numbers out) {
    AttentionTask task = sizes;
    task.q = in[0], task.k = in[1], task.v = in[2], task.out = out;
    if (in.size() > 3) task.bias = in[3];
    run(task);
  });
}

#endif

}  // namespace

mx::array attention(const mx::array& q, const mx::array& k, const mx::array& v, const AttentionOptions& o) {
  check(q, k, v, o);
  if (k.shape(1) == 0) return mx::zeros_like(q);
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(q)) return flash_attention(q, k, v, o);
#endif
  if (use_cuda_attention(q, o)) return cuda_attention(q, k, v, o);
  const auto mask = additive_mask(q.shape(1), k.shape(1), q.dtype(), o);
  const auto y = mx::fast::scaled_dot_product_attention(split_heads(q, o.heads), split_heads(k, o.heads),
                                                        split_heads(v, o.heads), o.scale, mask ? "array" : "", mask);
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
