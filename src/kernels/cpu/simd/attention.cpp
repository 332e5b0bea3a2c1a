// Compiled once per instruction set. Every query goes through the same instructions in the same order wherever it
// stands: rows are worked on six at a time by one kernel, and a group that is not full is filled with zeros.
#include "kernels/cpu/simd/attention.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <numeric>

#include "kernels/cpu/simd/targets.h"
#include "kernels/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace corepulse::kernels::HWY_NAMESPACE {

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

constexpr int64_t kRows = 6;
// Six rows of four vectors fill 32 registers, of two fill 16.
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int64_t kWide = 4;
#else
constexpr int64_t kWide = 2;
#endif
constexpr int64_t kLanes = static_cast<int64_t>(HWY_LANES(float));
constexpr int64_t kPanel = kWide * kLanes;  // keys one pass over a query's numbers serves
constexpr int64_t kCache = 1 << 18;         // floats that stay in a second level cache
constexpr float kLog2E = 1.44269504f;
constexpr float kLowest = std::numeric_limits<float>::lowest();

/** A worker's memory for one block of queries. */
struct Workspace {
  float *queries, *sums;    // [rows][size], [rows][padded size]
  float* scores;            // [6][tile_keys]
  float *highest, *totals;  // [rows]
};

std::array<int64_t, 5> workspace_parts(const AttentionTask& t) {
  std::array<int64_t, 5> parts{t.block_queries * t.size, t.block_queries * round_up(t.size, kLanes),
                               kRows * t.tile_keys, t.block_queries, t.block_queries};
  for (auto& n : parts) n = round_up(n, 16);
  return parts;
}

Workspace carve(const AttentionTask& t, float* memory) {
  const auto n = workspace_parts(t);
  float *const sums = memory + n[0], *const scores = sums + n[1], *const highest = scores + n[2];
  return {memory, sums, scores, highest, highest + n[3]};
}

void PlanAttention(AttentionTask& t) {
  // A tile's keys and values stay in the second level cache while a block of queries passes over them.
  t.tile_keys = t.size <= 128 ? 128 : 64;
  t.block_queries = 96;
  t.packed_keys = round_up(round_up(t.keys, kLanes) * t.size, 16);
  t.packed_values = round_up(t.keys * round_up(t.size, kLanes), 16);
  t.packed_bias = round_up(round_up(t.keys, kLanes), 16);
  t.few_keys = t.heads * (t.packed_keys + t.packed_values) <= kCache;
  const auto parts = workspace_parts(t);
  t.workspace = std::accumulate(parts.begin(), parts.end(), int64_t{0});
}

// Logits are kept in units of log 2, so that the exponential is 2^x. Keys beyond the last are masked like any other.
void PackBias(const AttentionTask& t, int64_t row) {
  float* to = t.bias_store + row * t.packed_bias;
  for (int64_t j = 0; j < t.keys; ++j) to[j] = t.bias ? t.bias[row * t.keys + j] * kLog2E : 0.0f;
  std::fill(to + t.keys, to + t.packed_bias, -std::numeric_limits<float>::infinity());
}

template <class T>
void copy_row(const T* from, int64_t n, float* to) {
  for (int64_t d = 0; d < n; ++d) to[d] = value(from[d]);
}

// Keys: panels of kPanel keys (the last one narrower), each [size][keys of the panel]. Values: rows padded with zeros.
template <class T>
void pack_tile(const AttentionTask& t, int64_t unit, const T* keys, const T* values) {
  const int64_t head = unit / t.tiles(), first = unit % t.tiles() * t.tile_keys;
  const int64_t last = std::min(first + t.tile_keys, t.keys), stride = t.heads * t.size;
  const int64_t origin = head / t.heads * t.keys * stride + head % t.heads * t.size;
  for (int64_t panel = first; panel < last; panel += kPanel) {
    const int64_t width = std::min(kPanel, round_up(t.keys - panel, kLanes));
    float* to = t.key_store + head * t.packed_keys + panel * t.size;
    for (int64_t j = 0; j < width; ++j) {
      const T* from = keys + origin + (panel + j) * stride;
      for (int64_t d = 0; d < t.size; ++d) to[d * width + j] = panel + j < t.keys ? value(from[d]) : 0.0f;
    }
  }
  const int64_t padded = round_up(t.size, kLanes);
  for (int64_t j = first; j < last; ++j) {
    float* to = t.value_store + head * t.packed_values + j * padded;
    copy_row(values + origin + j * stride, t.size, to);
    std::fill(to + t.size, to + padded, 0.0f);
  }
}

void PackTile(const AttentionTask& t, int64_t unit) {
  t.k.visit([&]<class T>(T* keys) { pack_tile<T>(t, unit, keys, static_cast<const T*>(t.v.data())); });
}

/** Where the numbers of six queries lie. */
using Queries = std::array<const float*, kRows>;

// scores[6][kVectors] = scale * q k + bias; k [size][kVectors * kLanes].
template <int64_t kVectors>
HWY_INLINE void score_panel(const Queries& q, const float* HWY_RESTRICT k, int64_t size, float scale,
                            const float* HWY_RESTRICT bias, float* HWY_RESTRICT scores, int64_t stride) {
  const Floats d;
  Vector sum[kRows][kVectors];
  HWY_UNROLL(6)
  for (int64_t i = 0; i < kRows; ++i) {
    HWY_UNROLL(4)
    for (int64_t x = 0; x < kVectors; ++x) sum[i][x] = hn::Zero(d);
  }
  for (int64_t n = 0; n < size; ++n, k += kVectors * kLanes) {
    Vector key[kVectors];
    HWY_UNROLL(4)
    for (int64_t x = 0; x < kVectors; ++x) key[x] = hn::Load(d, k + x * kLanes);
    HWY_UNROLL(6)
    for (int64_t i = 0; i < kRows; ++i) {
      const auto query = hn::Set(d, q[static_cast<size_t>(i)][n]);
      HWY_UNROLL(4)
      for (int64_t x = 0; x < kVectors; ++x) sum[i][x] = hn::MulAdd(query, key[x], sum[i][x]);
    }
  }
  const auto factor = hn::Set(d, scale);
  HWY_UNROLL(6)
  for (int64_t i = 0; i < kRows; ++i) {
    HWY_UNROLL(4)
    for (int64_t x = 0; x < kVectors; ++x) {
      const auto logit = hn::MulAdd(sum[i][x], factor, hn::Load(d, bias + x * kLanes));
      hn::Store(logit, d, scores + i * stride + x * kLanes);
    }
  }
}

void score_tile(const AttentionTask& t, const Queries& q, const float* k, const float* bias, int64_t width,
                float* scores) {
  const float scale = t.scale * kLog2E;
  for (int64_t j = 0; j < width; j += kPanel) {
    // A panel is as wide as it was packed, which is more than a causal limit asks for.
    const float* panel = k + j * t.size;
    switch (std::min(kPanel, width - j) / kLanes) {
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON
      case 4:
        score_panel<4>(q, panel, t.size, scale, bias + j, scores + j, t.tile_keys);
        break;
      case 3:
        score_panel<3>(q, panel, t.size, scale, bias + j, scores + j, t.tile_keys);
        break;
#endif
      case 2:
        score_panel<2>(q, panel, t.size, scale, bias + j, scores + j, t.tile_keys);
        break;
      default:
        score_panel<1>(q, panel, t.size, scale, bias + j, scores + j, t.tile_keys);
        break;
    }
  }
}

// Turns six rows' logits into unnormalised weights relative to each row's highest logit so far. factor: what brings the
// sums made before to the new highest. Row beside row, because one row alone would wait for each result.
HWY_INLINE void soften_tile(float* HWY_RESTRICT scores, int64_t stride, int64_t width, float* HWY_RESTRICT highest,
                            float* HWY_RESTRICT totals, float* HWY_RESTRICT factor) {
  const Floats d;
  Vector high[kRows], sum[kRows];
  HWY_UNROLL(6)
  for (int64_t i = 0; i < kRows; ++i) high[i] = hn::Set(d, highest[i]);
  for (int64_t j = 0; j < width; j += kLanes) {
    HWY_UNROLL(6)
    for (int64_t i = 0; i < kRows; ++i) high[i] = hn::Max(high[i], hn::Load(d, scores + i * stride + j));
  }
  HWY_UNROLL(6)
  for (int64_t i = 0; i < kRows; ++i) {
    high[i] = hn::MaxOfLanes(d, high[i]);
    factor[i] = hn::GetLane(exp2_of_negative(d, hn::Sub(hn::Set(d, highest[i]), high[i])));
    highest[i] = hn::GetLane(high[i]);
    sum[i] = hn::Zero(d);
  }
  for (int64_t j = 0; j < width; j += kLanes) {
    HWY_UNROLL(6)
    for (int64_t i = 0; i < kRows; ++i) {
      float* at = scores + i * stride + j;
      const auto weight = exp2_of_negative(d, hn::Sub(hn::Load(d, at), high[i]));
      hn::Store(weight, d, at);
      sum[i] = hn::Add(sum[i], weight);
    }
  }
  HWY_UNROLL(6)
  for (int64_t i = 0; i < kRows; ++i) totals[i] = totals[i] * factor[i] + hn::GetLane(hn::SumOfLanes(d, sum[i]));
}

// sums[6][kVectors] = sums * factor + weights [6][keys] values [keys][kVectors of padded].
template <int64_t kVectors>
HWY_INLINE void weigh_panel(const float* HWY_RESTRICT weights, int64_t weight_stride, int64_t keys,
                            const float* HWY_RESTRICT values, int64_t padded, const float* HWY_RESTRICT factor,
                            float* HWY_RESTRICT sums) {
  const Floats d;
  Vector sum[kRows][kVectors];
  HWY_UNROLL(6)
  for (int64_t i = 0; i < kRows; ++i) {
    HWY_UNROLL(4)
    for (int64_t x = 0; x < kVectors; ++x)
      sum[i][x] = hn::Mul(hn::Set(d, factor[i]), hn::Load(d, sums + i * padded + x * kLanes));
  }
  for (int64_t j = 0; j < keys; ++j, values += padded) {
    Vector value[kVectors];
    HWY_UNROLL(4)
    for (int64_t x = 0; x < kVectors; ++x) value[x] = hn::Load(d, values + x * kLanes);
    HWY_UNROLL(6)
    for (int64_t i = 0; i < kRows; ++i) {
      const auto weight = hn::Set(d, weights[i * weight_stride + j]);
      HWY_UNROLL(4)
      for (int64_t x = 0; x < kVectors; ++x) sum[i][x] = hn::MulAdd(weight, value[x], sum[i][x]);
    }
  }
  HWY_UNROLL(6)
  for (int64_t i = 0; i < kRows; ++i) {
    HWY_UNROLL(4)
    for (int64_t x = 0; x < kVectors; ++x) hn::Store(sum[i][x], d, sums + i * padded + x * kLanes);
  }
}

void weigh_tile(const AttentionTask& t, const float* weights, int64_t keys, const float* values, const float* factor,
                float* sums) {
  const int64_t padded = round_up(t.size, kLanes), vectors = padded / kLanes;
  const int64_t passes = (vectors + kWide - 1) / kWide;
  for (int64_t pass = 0; pass < passes; ++pass) {
    // As even as can be: five vectors are 3 + 2, not 4 + 1.
    const int64_t begin = pass * vectors / passes, end = (pass + 1) * vectors / passes, at = begin * kLanes;
    switch (end - begin) {
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON
      case 4:
        weigh_panel<4>(weights, t.tile_keys, keys, values + at, padded, factor, sums + at);
        break;
      case 3:
        weigh_panel<3>(weights, t.tile_keys, keys, values + at, padded, factor, sums + at);
        break;
#endif
      case 2:
        weigh_panel<2>(weights, t.tile_keys, keys, values + at, padded, factor, sums + at);
        break;
      default:
        weigh_panel<1>(weights, t.tile_keys, keys, values + at, padded, factor, sums + at);
        break;
    }
  }
}

template <class T>
HWY_INLINE void store_row(const float* sums, int64_t n, float share, T* to) {
  const Floats d;
  const hn::CappedTag<float, 1> one;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(d, hn::Mul(hn::Load(d, sums + i), hn::Set(d, share)), to + i);
  for (; i < n; ++i) store(one, hn::Mul(hn::LoadU(one, sums + i), hn::Set(one, share)), to + i);
}

/** A block of queries of one head. */
struct Block {
  const AttentionTask& t;
  int64_t head, first, rows;  // head counts over batch and heads
  Workspace w;

  int64_t offset(int64_t row) const {
    return ((head / t.heads * t.queries + first + row) * t.heads + head % t.heads) * t.size;
  }
  Queries queries(int64_t group) const;
  void start() const;
  void add_tile(int64_t group, int64_t first_key) const;
  void store() const;
};

Queries Block::queries(int64_t group) const {
  Queries q;
  for (int64_t i = 0; i < kRows; ++i) q[static_cast<size_t>(i)] = w.queries + (group + i) * t.size;
  return q;
}

void Block::start() const {
  const int64_t n = round_up(rows, kRows);
  t.q.visit([&](auto* q) {
    for (int64_t row = 0; row < rows; ++row) copy_row(q + offset(row), t.size, w.queries + row * t.size);
  });
  std::fill(w.queries + rows * t.size, w.queries + n * t.size, 0.0f);
  std::fill_n(w.highest, n, kLowest);  // finite, so that a row of -inf gives 2^(-inf) = 0 and not NaN
  std::fill_n(w.totals, n, 0.0f);
  std::fill_n(w.sums, n * round_up(t.size, kLanes), 0.0f);
}

// The six queries from row `group` on see the keys from first_key on.
void Block::add_tile(int64_t group, int64_t first_key) const {
  int64_t limit = std::min(first_key + t.tile_keys, t.keys);
  // A fixed six rows further, whether or not there are so many queries: a row's work depends on its index alone.
  if (t.causal) limit = std::min(limit, first + group + kRows);
  const int64_t keys = limit - first_key;
  if (keys <= 0) return;
  const int64_t width = round_up(keys, kLanes);
  // Whole panels as packed; what lies beyond the limit is masked below.
  const int64_t packed = std::min(round_up(keys, kPanel), round_up(t.keys, kLanes) - first_key);
  const float* k = t.key_store + head * t.packed_keys + first_key * t.size;
  const float* v = t.value_store + head * t.packed_values + first_key * round_up(t.size, kLanes);
  const float* bias = t.bias_store + head / t.heads * t.packed_bias + first_key;
  score_tile(t, queries(group), k, bias, packed, w.scores);
  float factor[kRows];
  for (int64_t i = 0; t.causal && i < kRows; ++i) {
    const int64_t visible = std::max<int64_t>(first + group + i + 1 - first_key, 0);
    float* scores = w.scores + i * t.tile_keys;
    if (visible < width) std::fill(scores + visible, scores + width, -std::numeric_limits<float>::infinity());
  }
  soften_tile(w.scores, t.tile_keys, width, w.highest + group, w.totals + group, factor);
  weigh_tile(t, w.scores, keys, v, factor, w.sums + group * round_up(t.size, kLanes));
}

void Block::store() const {
  const int64_t padded = round_up(t.size, kLanes);
  for (int64_t row = 0; row < rows; ++row) {
    // A total of 0 means that every key is masked; NaN is not equal to 0 and stays.
    const float share = w.totals[row] == 0.0f ? 0.0f : 1.0f / w.totals[row];
    const float* sums = w.sums + row * padded;
    t.out.visit([&](auto* out) HWY_ATTR { store_row(sums, t.size, share, out + offset(row)); });
  }
}

void Attend(const AttentionTask& t, int64_t unit, float* workspace) {
  const int64_t row = unit / (t.heads * t.blocks()), rest = unit % (t.heads * t.blocks());
  // Few keys: all heads of a block one after the other, since they share its queries' cache lines. Many keys: all
  // blocks of a head, since they share its keys.
  const int64_t head = t.few_keys ? rest % t.heads : rest / t.blocks();
  const int64_t first = (t.few_keys ? rest / t.heads : rest % t.blocks()) * t.block_queries;
  const Block block{t, row * t.heads + head, first, std::min(t.block_queries, t.queries - first), carve(t, workspace)};
  block.start();
  for (int64_t key = 0; key < t.keys; key += t.tile_keys) {
    for (int64_t group = 0; group < block.rows; group += kRows) block.add_tile(group, key);
  }
  block.store();
}

}  // namespace corepulse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace corepulse::kernels {

HWY_EXPORT(PlanAttention);
HWY_EXPORT(PackBias);
HWY_EXPORT(PackTile);
HWY_EXPORT(Attend);

void plan_attention(AttentionTask& task) {
  HWY_DYNAMIC_DISPATCH(PlanAttention)(task);
}
void pack_attention_bias(const AttentionTask& task, int64_t batch_row) {
  HWY_DYNAMIC_DISPATCH(PackBias)(task, batch_row);
}
void pack_attention(const AttentionTask& task, int64_t unit) {
  HWY_DYNAMIC_DISPATCH(PackTile)(task, unit);
}
void attend(const AttentionTask& task, int64_t unit, float* workspace) {
  HWY_DYNAMIC_DISPATCH(Attend)(task, unit, workspace);
}

}  // namespace corepulse::kernels
#endif
