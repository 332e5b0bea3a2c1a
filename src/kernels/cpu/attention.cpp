#include "kernels/amx/attention.h"

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/primitive.h"
#include "kernels/cpu/simd/attention.h"
#include "kernels/device.h"
#include "kernels/memory.h"
#include "kernels/parallel.h"
#include "kernels/stop.h"

namespace corepulse::kernels::cpu {
namespace {

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

}  // namespace

std::optional<mx::array> attention(const mx::array& q, const mx::array& k, const mx::array& v,
                                   const AttentionOptions& o) {
  if (!use_cpu_kernels(q)) return {};
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

}  // namespace corepulse::kernels::cpu
