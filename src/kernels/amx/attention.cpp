#include "kernels/amx/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/amx/attention_simd.h"
#include "kernels/amx/tiles.h"
#include "kernels/device.h"
#include "kernels/memory.h"
#include "kernels/parallel.h"
#include "kernels/stop.h"

namespace corepulse::kernels {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();
// Stands for -inf in what fills up a piece: in the units of Softener it still is a 32-bit integer.
constexpr float kLowest = -1e9f / 185;

// The last piece's missing keys are masked, the others' bias is 0 where there is none.
void pack_bias(TilePlan& plan, int64_t row) {
  const TileAttention& t = plan.task;
  int32_t* const keys = plan.keys.data() + row * t.keys;
  float* const to = plan.packed_bias + row * plan.capacity * kPiece;
  std::fill_n(to, plan.capacity * kPiece, kLowest / t.scale);
  int64_t n = 0;
  bool biased = false;
  for (int64_t key = 0; key < t.keys; ++key) {
    const float bias = t.bias ? t.bias[row * t.keys + key] : 0.0f;
    if (bias == kMasked) continue;
    keys[n] = static_cast<int32_t>(key);
    to[n++] = std::max(bias, kLowest) / t.scale;
    biased = biased || bias != 0.0f;
  }
  plan.seen[static_cast<size_t>(row)] = n;
  plan.biased[static_cast<size_t>(row)] = biased;
}

void clear_row(const TileAttention& t, int64_t row) {
  const int64_t n = t.queries * t.heads * t.size;
  t.out.at(row * n).visit([n]<class T>(T* to) { std::fill_n(to, n, T{}); });
}

}  // namespace

bool has_tiles() {
#ifdef COREPULSE_AMX
  return has_amx() && has_tile_vectors();
#else
  return false;
#endif
}

TilePlan::TilePlan(const TileAttention& t)
    : task(t),
      parts(t.split() ? 2 : 1),
      steps(((t.split() ? kKeyParts : 1) * t.size + 31) / 32),
      columns(t.size / 16 + 1),
      capacity((t.keys + kPiece - 1) / kPiece),
      chunk(std::max((1 << 20) / (2 * (2 * steps + parts * columns) * kTileNumbers * kPiecesAtOnce), int64_t{1}) *
            kPiecesAtOnce),
      seen(static_cast<size_t>(t.batch)),
      keys(static_cast<size_t>(t.batch * t.keys)),
      biased(static_cast<size_t>(t.batch)) {}

void attend_with_tiles(const TileAttention& task, bool plain) {
  TilePlan plan(task);
  set_correction(plan);
  const int64_t heads = task.batch * task.heads, bias = task.batch * plan.capacity * kPiece;
  const int64_t packed = heads * (plan.keys_of_head() + plan.values_of_head()) * int64_t{sizeof(BFloat16)};
  char* const memory = reinterpret_cast<char*>(
      scratch(static_cast<size_t>(packed + bias * int64_t{sizeof(float)} + threads() * plan.workspace())));
  plan.packed_keys = reinterpret_cast<BFloat16*>(memory);
  plan.packed_values = plan.packed_keys + heads * plan.keys_of_head();
  plan.packed_bias = reinterpret_cast<float*>(memory + packed);
  char* const workspaces = memory + packed + bias * int64_t{sizeof(float)};
  for (int64_t row = 0; row < task.batch; ++row) {
    pack_bias(plan, row);
    if (plan.seen[static_cast<size_t>(row)] == 0) clear_row(task, row);
  }
  parallel_ranges(heads * plan.capacity, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) pack_piece(plan, i / plan.capacity, i % plan.capacity);
  });
  parallel_for(plan.units(), [&](int64_t unit, int worker) {
    if (!stop_asked()) attend_unit(plan, unit, workspaces + worker * plan.workspace(), plain);
  });
}

}  // namespace corepulse::kernels
