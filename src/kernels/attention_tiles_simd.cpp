// AVX-512 intrinsics and not Highway: what runs beside AMX's tiles runs on no other processor.
//
// The logits of a piece are made on the tiles while the vector units turn those of the piece before into weights. A
// query's weights are relative to its largest logit among the first piece's; nothing is rescaled later. If a logit
// turns out to be larger by 2^60, the 32 queries are done again relative to their largest logit of all.
#include "kernels/attention_tiles_simd.h"

#include <algorithm>
#include <cmath>
#include <limits>

#if defined(__x86_64__)
#include "kernels/attention_tiles-inl.h"
#include "kernels/round.h"

namespace corepulse::kernels {
namespace {

constexpr float kTrusted = 0x1p60f;  // a sum of weights

/** A worker's memory. */
struct Workspace {
  float* sums;          // [columns][2 tiles]
  float* logits[2];     // [32][32], of this piece and the next
  float* exact_logits;  // [32][32], when a block is done again
  BFloat16* weights;    // [kPiecesAtOnce][2 tiles]
  BFloat16* exact_weights;
  BFloat16 *queries, *exact_queries;  // [steps][2 tiles]
};

int64_t carve(const TilePlan& plan, char* memory, Workspace& w) {
  int64_t used = 0;
  const auto take = [&]<class T>(T*& to, int64_t n) {
    to = reinterpret_cast<T*>(memory + used);
    used += n * static_cast<int64_t>(sizeof(T));
  };
  take(w.sums, plan.columns * 2 * kTileSums);
  for (auto& logits : w.logits) take(logits, kPiece * kPiece);
  take(w.exact_logits, kPiece * kPiece);
  take(w.weights, kPiecesAtOnce * 2 * kTileNumbers);
  take(w.exact_weights, 2 * kTileNumbers);
  take(w.queries, plan.steps * 2 * kTileNumbers);
  take(w.exact_queries, plan.steps * 2 * kTileNumbers);
  return used;
}

}  // namespace

HWY_PUSH_ATTRIBUTES(COREPULSE_TILE_VECTORS)

namespace {

/** One head's packed keys and values. */
struct Head {
  const BFloat16 *keys, *values;
  const float* bias;
  int64_t pieces, seen;
  bool biased;

  Head(const TilePlan& plan, int64_t head) {
    const int64_t row = head / plan.task.heads;
    keys = plan.packed_keys + head * plan.keys_of_head();
    values = plan.packed_values + head * plan.values_of_head();
    bias = plan.packed_bias + row * plan.capacity * kPiece;
    pieces = plan.pieces(row);
    seen = plan.seen[static_cast<size_t>(row)];
    biased = plan.biased[static_cast<size_t>(row)];
  }
  const float* bias_of(int64_t piece) const {
    return biased || (piece + 1) * kPiece > seen ? bias + piece * kPiece : nullptr;
  }
};

/** Some queries of one head: [first, last), in blocks of 32. */
template <class Tiles>
struct Unit {
  const TilePlan& plan;
  const Head head;
  const Workspace w;
  const Softener soften;
  const int64_t row_width, origin;  // numbers between queries; the head's first of query 0
  float references[kPiece];

  void take_queries(int64_t row, BFloat16* to) const;
  void set_references(const float* logits);
  float sum_of(int64_t r) const { return w.sums[plan.task.size / 16 * 2 * kTileSums + r * 16 + plan.task.size % 16]; }
  void store_row(int64_t row, int64_t r, float share) const;
  void finish(int64_t row) const;
  void do_again(int64_t row, uint32_t which) const;
  void run(int64_t first, int64_t last);
};

// Masked loads touch nothing beyond the head; missing queries are zeros.
template <class Tiles>
void Unit<Tiles>::take_queries(int64_t row, BFloat16* to) const {
  const int64_t size = plan.task.size;
  for (int64_t x = 0; x < plan.steps; ++x) {
    const __mmask32 inside = size - 32 * x >= 32 ? ~0u : (1u << (size - 32 * x)) - 1;
    for (int64_t r = 0; r < kPiece; ++r) {
      const __mmask32 mask = row + r < plan.task.queries ? inside : 0;
      _mm512_store_si512(to + (x * kPiece + r) * 32,
                         _mm512_maskz_loadu_epi16(mask, plan.task.q + origin + (row + r) * row_width + 32 * x));
    }
  }
}

template <class Tiles>
void Unit<Tiles>::set_references(const float* logits) {
  const float unit = _mm512_cvtss_f32(soften.unit);
  for (int64_t r = 0; r < kPiece; ++r) {
    const __m512 a = _mm512_load_ps(logits + r * kPiece), b = _mm512_load_ps(logits + r * kPiece + 16);
    references[r] = reference_of(_mm512_reduce_max_ps(_mm512_max_ps(a, b)), unit);
  }
}

template <class Tiles>
void Unit<Tiles>::store_row(int64_t row, int64_t r, float share) const {
  const int64_t size = plan.task.size;
  BFloat16* const to = plan.task.out + origin + (row + r) * row_width;
  for (int64_t n = 0; n < divide_up(size, 16); ++n) {
    const __mmask16 mask = size - 16 * n >= 16 ? 0xffff : static_cast<__mmask16>((1u << (size - 16 * n)) - 1);
    const __m512 y = _mm512_mul_ps(_mm512_load_ps(w.sums + n * 2 * kTileSums + r * 16), _mm512_set1_ps(share));
    _mm256_mask_storeu_epi16(to + 16 * n, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(y)));
  }
}

template <class Tiles>
void Unit<Tiles>::finish(int64_t row) const {
  uint32_t doubtful = 0;
  for (int64_t r = 0; r < std::min(kPiece, plan.task.queries - row); ++r) {
    if (const float sum = sum_of(r); sum > 0 && sum < kTrusted)
      store_row(row, r, 1 / sum);
    else
      doubtful |= 1u << r;
  }
  if (doubtful) do_again(row, doubtful);
}

/** highest [32] = max(highest, logits [32][32]); NaN stays. */
void raise_highest(const float* logits, float* highest) {
  for (int64_t r = 0; r < kPiece; ++r) {
    const __m512 a = _mm512_load_ps(logits + r * kPiece), b = _mm512_load_ps(logits + r * kPiece + 16);
    const float most = _mm512_reduce_max_ps(_mm512_max_ps(a, b));
    if (_mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q) != 0)
      highest[r] = std::numeric_limits<float>::quiet_NaN();
    else if (!std::isnan(highest[r]))
      highest[r] = std::max(highest[r], most);
  }
}

// The largest logits first, then all weights once more.
template <class Tiles>
[[gnu::noinline]] void Unit<Tiles>::do_again(int64_t row, uint32_t which) const {
  float highest[kPiece], exact[kPiece];
  std::fill_n(highest, kPiece, -std::numeric_limits<float>::infinity());
  take_queries(row, w.exact_queries);
  for (int64_t n = 0; n < 2 * head.pieces; ++n) {
    const int64_t piece = n % head.pieces;
    hold_queries<Tiles>(plan.steps, w.exact_queries);
    multiply_piece<Tiles, false>(plan.steps, w.exact_queries, head.keys + piece * plan.steps * 2 * kTileNumbers,
                                 head.bias_of(piece), w.exact_logits, soften, {});
    if (n < head.pieces) {
      raise_highest(w.exact_logits, highest);
      continue;
    }
    for (int64_t r = 0; r < kPiece; ++r) {
      exact[r] = reference_of(highest[r], _mm512_cvtss_f32(soften.unit));
      soften.row<true>(w.exact_logits + r * kPiece, exact[r], w.exact_weights + r * kPiece);
    }
    add_values<Tiles>(piece == 0, 1, plan.columns, w.exact_weights, head.values + piece * plan.columns * kTileNumbers,
                      w.sums);
  }
  for (int64_t r = 0; r < kPiece; ++r) {
    if (!(which >> r & 1)) continue;
    const float sum = std::isfinite(highest[r]) ? sum_of(r) : std::numeric_limits<float>::quiet_NaN();
    store_row(row, r, 1 / sum);
  }
}

// A pipeline over pieces that does not stop between blocks of queries.
template <class Tiles>
void Unit<Tiles>::run(int64_t first, int64_t last) {
  const Softener local = soften;  // stays in registers, whatever the tiles' instructions may write
  const int64_t steps = plan.steps, key_piece = steps * 2 * kTileNumbers, value_piece = plan.columns * kTileNumbers;
  take_queries(first, w.queries);
  hold_queries<Tiles>(steps, w.queries);
  multiply_piece<Tiles, false>(steps, w.queries, head.keys, head.bias_of(0), w.logits[0], local, {});
  set_references(w.logits[0]);
  int64_t row = first, piece = 0;
  for (int now = 0; row < last; now = 1 - now) {
    const bool ends = piece + 1 == head.pieces;
    const int64_t next_row = ends ? row + kPiece : row, next = ends ? 0 : piece + 1, slot = piece % kPiecesAtOnce;
    const Softened softened{w.logits[now], references, w.weights + slot * 2 * kTileNumbers};
    if (ends && next_row < last) {
      take_queries(next_row, w.queries);
      hold_queries<Tiles>(steps, w.queries);
    }
    if (next_row < last)
      multiply_piece<Tiles, true>(steps, w.queries, head.keys + next * key_piece, head.bias_of(next), w.logits[1 - now],
                                  local, softened);
    else
      soften_rows(local, 0, kPiece, softened.logits, softened.references, softened.weights);
    if (ends || slot == kPiecesAtOnce - 1)
      add_values<Tiles>(piece == slot, slot + 1, plan.columns, w.weights, head.values + (piece - slot) * value_piece,
                        w.sums);
    if (ends) {
      finish(row);
      if (next_row < last) set_references(w.logits[1 - now]);
    }
    if (ends || slot == kPiecesAtOnce - 1) hold_queries<Tiles>(steps, w.queries);
    row = next_row, piece = next;
  }
}

template <class Tiles>
void run_unit(const TilePlan& plan, int64_t unit, void* workspace) {
  const TileAttention& t = plan.task;
  const int64_t index = unit / plan.blocks(), first = unit % plan.blocks() * kUnitQueries;
  const Head head(plan, index);
  if (head.pieces == 0) return;
  Workspace w;
  carve(plan, static_cast<char*>(workspace), w);
  const int64_t width = t.heads * t.size;
  Unit<Tiles> work{plan, head, w, Softener(plan), width, index / t.heads * t.queries * width + index % t.heads * t.size,
                   {}};
  Tiles::begin();
  work.run(first, std::min(first + kUnitQueries, t.queries));
  Tiles::end();
}

}  // namespace

HWY_POP_ATTRIBUTES

// Entry i serves the two integers down from kTop whose last 7 bits are 2i and 2i + 1.
void set_correction(TilePlan& plan) {
  for (size_t i = 0; i < plan.correction.size(); ++i) {
    const double digits = std::fmod((kTop & 127) - (2 * static_cast<double>(i) + 0.5) + 128, 128) / 128;
    const long off = std::lround(128 * (1 + digits - std::exp2(digits)));
    plan.correction[i] = static_cast<uint8_t>((kTop & 255) - off);
  }
}

int64_t TilePlan::workspace() const {
  Workspace w;
  return carve(*this, nullptr, w);
}

void attend_unit(const TilePlan& plan, int64_t unit, void* workspace, bool plain) {
  plain ? run_unit<PlainTiles>(plan, unit, workspace) : run_unit<AmxTiles>(plan, unit, workspace);
}

bool has_tile_vectors() {
  return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bf16");
}

}  // namespace corepulse::kernels
#else

namespace corepulse::kernels {

void set_correction(TilePlan&) {}
int64_t TilePlan::workspace() const {
  return 0;
}
void attend_unit(const TilePlan&, int64_t, void*, bool) {}
void pack_piece(const TilePlan&, int64_t, int64_t) {}
bool has_tile_vectors() {
  return false;
}

}  // namespace corepulse::kernels
#endif
