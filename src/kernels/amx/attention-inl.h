#pragma once
// The arithmetic of attention: logits on tiles, weights on vectors, sums on tiles.
//
// AVX-512 intrinsics and not Highway: what runs beside AMX's tiles runs on no other processor.

#include <algorithm>
#include <utility>

#include "kernels/amx/attention_simd.h"
#include "kernels/amx/split-inl.h"
#include "kernels/amx/tiles.h"
#include "kernels/round.h"

#define COREPULSE_TILE_VECTORS "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512bf16"

HWY_PUSH_ATTRIBUTES(COREPULSE_TILE_VECTORS)

namespace corepulse::kernels {

// The weight 2^t in bfloat16 is nearly the integer 128 (t + 127), whose bits as a bfloat16 are 2^t with the curve of
// its last binary digits made straight. A table of 64 entries corrects that. Counted down from kTop, saturating
// instructions handle both ends: too large becomes kTop, about 2^126, which the sum of weights reveals; too small 0.
constexpr int kTop = 0x7ec0, kOne = 0x3f80;
constexpr float kLog2E = 1.44269504f;

/** Logits to weights of bfloat16. */
struct Softener {
  static constexpr bool kSplit = false;
  __m512i table, top;
  __m512 unit;  // 128 log2(e) scale: a logit before scaling, in 128ths of a power of 2

  [[gnu::always_inline]] explicit Softener(const TilePlan& plan)
      : table(_mm512_loadu_si512(plan.correction.data())),
        top(_mm512_set1_epi16(kTop)),
        unit(_mm512_set1_ps(128 * kLog2E * plan.task.scale)) {}

  /** Of the largest logit of a query. */
  [[gnu::always_inline]] float reference(float highest) const {
    return static_cast<float>(kTop - kOne) + highest * _mm512_cvtss_f32(unit);
  }

  // 32 logits; the weights come in vpackusdw's order, in which the values are packed too.
  template <bool kClamp = false>
  [[gnu::always_inline]] void row(const float* logits, float reference, BFloat16* weights) const {
    const __m512 from = _mm512_set1_ps(reference);
    __m512 a = _mm512_fnmadd_ps(_mm512_load_ps(logits), unit, from);
    __m512 b = _mm512_fnmadd_ps(_mm512_load_ps(logits + 16), unit, from);
    if constexpr (kClamp) {
      a = _mm512_min_ps(a, _mm512_set1_ps(65535.0f));
      b = _mm512_min_ps(b, _mm512_set1_ps(65535.0f));
    }
    const __m512i down = _mm512_packus_epi32(_mm512_cvtps_epi32(a), _mm512_cvtps_epi32(b));
    const __m512i corrected = _mm512_mask_permutexvar_epi8(top, 0x5555555555555555u, _mm512_srli_epi16(down, 1), table);
    _mm512_store_si512(weights, _mm512_subs_epu16(corrected, down));
  }
};

/** Logits to weights of two parts, within 2^-17 of 2^t and as little as 2^-126; what is too large reveals itself. */
struct SplitSoftener {
  static constexpr bool kSplit = true;
  __m512 unit;  // log2(e) scale

  [[gnu::always_inline]] explicit SplitSoftener(const TilePlan& plan)
      : unit(_mm512_set1_ps(kLog2E * plan.task.scale)) {}

  /** Of the largest logit of a query. */
  [[gnu::always_inline]] float reference(float highest) const { return highest * _mm512_cvtss_f32(unit); }

  // 2^t; t is clamped to what a float32 holds, and stays NaN. A minimax polynomial on [-1/2, 1/2]: 2.4e-7.
  [[gnu::always_inline]] static __m512 power(__m512 t) {
    constexpr float c[] = {1.0f, 0.693146944f, 0.240221202f, 0.0555071309f, 0.00967554189f, 0.00132764725f};
    const __m512 rounder = _mm512_set1_ps(12582912.0f + 127.0f);  // 127: the exponent's bits are the sum's lowest
    t = _mm512_min_ps(_mm512_set1_ps(127), _mm512_max_ps(_mm512_set1_ps(-126), t));
    const __m512 rounded = _mm512_add_ps(t, rounder), fraction = _mm512_sub_ps(t, _mm512_sub_ps(rounded, rounder));
    const __m512 whole = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(rounded), 23));
    return _mm512_mul_ps(horner(fraction, c), whole);
  }

  // Rounded to bfloat16, in few instructions; ties away from zero.
  [[gnu::always_inline]] static __m512 rounded(__m512 x) {
    const __m512i half_more = _mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x8000));
    return _mm512_castsi512_ps(_mm512_and_si512(half_more, _mm512_set1_epi32(~0xffff)));
  }

  [[gnu::always_inline]] static void store(__m512 lower, __m512 upper, BFloat16* to) {
    _mm512_store_si512(to, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(upper, lower)));
  }

  template <bool kClamp = false>
  [[gnu::always_inline]] void row(const float* logits, float reference, BFloat16* weights) const {
    const __m512 from = _mm512_set1_ps(reference);
    const __m512 a = power(_mm512_fmsub_ps(_mm512_load_ps(logits), unit, from));
    const __m512 b = power(_mm512_fmsub_ps(_mm512_load_ps(logits + 16), unit, from));
    const __m512 high_a = rounded(a), high_b = rounded(b);
    store(high_a, high_b, weights);
    store(_mm512_sub_ps(a, high_a), _mm512_sub_ps(b, high_b), weights + 2 * kTileNumbers);
  }
};

template <class Tiles, int kTile>
[[gnu::always_inline]] inline void start_tile(const float* bias) {
  bias ? Tiles::template load<kTile>(bias, 0) : Tiles::template zero<kTile>();
}

// The queries of heads of 33..64 numbers stay in tiles 4..7.
template <class Tiles>
[[gnu::always_inline]] inline void hold_queries(const TilePlan& plan, const BFloat16* q) {
  if (plan.steps != 2 || plan.task.split()) return;
  Tiles::template load<4>(q, kTileBytes);
  Tiles::template load<5>(q + kTileNumbers, kTileBytes);
  Tiles::template load<6>(q + 2 * kTileNumbers, kTileBytes);
  Tiles::template load<7>(q + 3 * kTileNumbers, kTileBytes);
}

template <class Soften>
[[gnu::always_inline]] inline void soften_rows(const Soften& soften, int64_t begin, int64_t end, const float* logits,
                                               const float* references, BFloat16* weights) {
  for (int64_t r = begin; r < end; ++r) soften.row(logits + r * kPiece, references[r], weights + r * kPiece);
}

/** Logits whose turn it is to become weights; none: null. */
struct Softened {
  const float *logits, *references;
  BFloat16* weights;
};

// to [32][32] = q k + bias, while `s` becomes weights.
template <class Tiles, bool kSoften>
[[gnu::always_inline]] inline void multiply_piece(int64_t steps, const BFloat16* q, const BFloat16* k,
                                                  const float* bias, float* to, const Softener& soften,
                                                  const Softened& s) {
  constexpr int64_t kStride = kPiece * int64_t{sizeof(float)};
  if (steps == 2) {
    for (int64_t half = 0; half < 2; ++half) {
      const float* from = bias ? bias + 16 * half : nullptr;
      start_tile<Tiles, 0>(from), start_tile<Tiles, 1>(from);
      Tiles::template load<2>(k + half * kTileNumbers, kTileBytes);
      Tiles::template multiply<0, 4, 2>(), Tiles::template multiply<1, 5, 2>();
      Tiles::template load<3>(k + (2 + half) * kTileNumbers, kTileBytes);
      Tiles::template multiply<0, 6, 3>(), Tiles::template multiply<1, 7, 3>();
      if constexpr (kSoften) soften_rows(soften, half * 16, half * 16 + 16, s.logits, s.references, s.weights);
      // Last, for by now the products are nearly done.
      Tiles::template store<0>(to + 16 * half, kStride);
      Tiles::template store<1>(to + 16 * kPiece + 16 * half, kStride);
    }
    return;
  }
  const float* const right = bias ? bias + 16 : nullptr;
  start_tile<Tiles, 0>(bias), start_tile<Tiles, 1>(right), start_tile<Tiles, 2>(bias), start_tile<Tiles, 3>(right);
  for (int64_t x = 0; x < steps; ++x, q += 2 * kTileNumbers, k += 2 * kTileNumbers) {
    Tiles::template load<4>(q, kTileBytes), Tiles::template load<6>(k, kTileBytes);
    Tiles::template multiply<0, 4, 6>();
    Tiles::template load<7>(k + kTileNumbers, kTileBytes);
    Tiles::template multiply<1, 4, 7>();
    Tiles::template load<5>(q + kTileNumbers, kTileBytes);
    Tiles::template multiply<2, 5, 6>(), Tiles::template multiply<3, 5, 7>();
    if constexpr (kSoften)
      soften_rows(soften, x * kPiece / steps, (x + 1) * kPiece / steps, s.logits, s.references, s.weights);
  }
  Tiles::template store<0>(to, kStride), Tiles::template store<1>(to + 16, kStride);
  Tiles::template store<2>(to + 16 * kPiece, kStride), Tiles::template store<3>(to + 16 * kPiece + 16, kStride);
}

// Sums in tiles 0..3 += queries times keys in tiles 6 and 7.
template <class Tiles>
[[gnu::always_inline]] inline void multiply_queries(const BFloat16* q) {
  Tiles::template load<4>(q, kTileBytes);
  Tiles::template multiply<0, 4, 6>(), Tiles::template multiply<1, 4, 7>();
  Tiles::template load<5>(q + kTileNumbers, kTileBytes);
  Tiles::template multiply<2, 5, 6>(), Tiles::template multiply<3, 5, 7>();
}

// multiply_queries, and some rows of `s` become weights; the first that have not yet.
template <class Tiles, bool kSoften>
[[gnu::always_inline]] inline void multiply_and_soften(const BFloat16* q, const SplitSoftener& soften,
                                                       const Softened& s, int64_t rows, int64_t& done) {
  multiply_queries<Tiles>(q);
  if constexpr (kSoften) {
    const int64_t end = std::min(done + rows, kPiece);
    soften_rows(soften, done, end, s.logits, s.references, s.weights);
    done = end;
  }
}

// The same as multiply_piece for numbers in three parts: the second and third queries begin with zeros.
template <class Tiles, bool kSoften>
[[gnu::always_inline]] inline void multiply_split_piece(const TilePlan& plan, const BFloat16* q, const BFloat16* k,
                                                        const float* bias, float* to, const SplitSoftener& soften,
                                                        const Softened& s) {
  constexpr int64_t kStride = kPiece * int64_t{sizeof(float)}, kStep = 2 * kTileNumbers;
  const int64_t steps = plan.steps, second = plan.task.size / 32, third = 2 * plan.task.size / 32;
  const float* const right = bias ? bias + 16 : nullptr;
  start_tile<Tiles, 0>(bias), start_tile<Tiles, 1>(right), start_tile<Tiles, 2>(bias), start_tile<Tiles, 3>(right);
  const int64_t rows = divide_up(kPiece, 3 * steps - second - third);
  int64_t done = 0;
  for (int64_t x = 0; x < steps; ++x, q += kStep, k += kStep) {
    Tiles::template load<6>(k, kTileBytes), Tiles::template load<7>(k + kTileNumbers, kTileBytes);
    multiply_and_soften<Tiles, kSoften>(q, soften, s, rows, done);
    if (x >= second) multiply_and_soften<Tiles, kSoften>(q + steps * kStep, soften, s, rows, done);
    if (x >= third) multiply_and_soften<Tiles, kSoften>(q + 2 * steps * kStep, soften, s, rows, done);
  }
  Tiles::template store<0>(to, kStride), Tiles::template store<1>(to + 16, kStride);
  Tiles::template store<2>(to + 16 * kPiece, kStride), Tiles::template store<3>(to + 16 * kPiece + 16, kStride);
}

// sums [kColumns][2 tiles] (+)= weights [pieces][parts: high first][2 tiles] values [pieces][parts: low first][columns]
// [tile]. Four products of parts, for weights may nearly cancel and leave nothing but their errors: the small ones
// first.
template <class Tiles, int kColumns, bool kSplit>
[[gnu::always_inline]] inline void add_columns(bool first, int64_t pieces, const BFloat16* weights,
                                               const BFloat16* values, int64_t stride, float* sums) {
  const auto each = [&]<int... kTile>(std::integer_sequence<int, kTile...>, bool save) {
    if (save)
      (Tiles::template store<kTile>(sums + kTile * kTileSums, kTileBytes), ...);
    else if (first)
      (Tiles::template zero<kTile>(), ...);
    else
      (Tiles::template load<kTile>(sums + kTile * kTileSums, kTileBytes), ...);
  };
  constexpr std::make_integer_sequence<int, 2 * kColumns> kAll;
  each(kAll, false);
  const BFloat16 *const all_weights = weights, *const all_values = values;
  for (int64_t i = 0; i < pieces * (kSplit ? 4 : 1); ++i) {
    constexpr int64_t kWeightPart[] = {1, 0, 0, 1}, kValuePart[] = {0, 0, 1, 1};
    weights = all_weights + (kSplit ? i / 4 * 2 + kWeightPart[i % 4] : i) * 2 * kTileNumbers;
    values = all_values + (kSplit ? i / 4 * 2 + kValuePart[i % 4] : i) * stride;
    if constexpr (kColumns == 3) {
      Tiles::template load<6>(weights, kTileBytes);
      Tiles::template load<7>(values, kTileBytes), Tiles::template multiply<0, 6, 7>();
      Tiles::template load<7>(values + kTileNumbers, kTileBytes), Tiles::template multiply<2, 6, 7>();
      Tiles::template load<7>(values + 2 * kTileNumbers, kTileBytes), Tiles::template multiply<4, 6, 7>();
      Tiles::template load<6>(weights + kTileNumbers, kTileBytes), Tiles::template multiply<5, 6, 7>();
      Tiles::template load<7>(values + kTileNumbers, kTileBytes), Tiles::template multiply<3, 6, 7>();
      Tiles::template load<7>(values, kTileBytes), Tiles::template multiply<1, 6, 7>();
    } else {
      Tiles::template load<4>(weights, kTileBytes), Tiles::template load<6>(values, kTileBytes);
      Tiles::template multiply<0, 4, 6>();
      Tiles::template load<5>(weights + kTileNumbers, kTileBytes), Tiles::template multiply<1, 5, 6>();
      if constexpr (kColumns == 2) {
        Tiles::template load<7>(values + kTileNumbers, kTileBytes);
        Tiles::template multiply<2, 4, 7>(), Tiles::template multiply<3, 5, 7>();
      }
    }
  }
  each(kAll, true);
}

template <class Tiles, bool kSplit>
[[gnu::always_inline]] inline void add_values(bool first, int64_t pieces, int64_t columns, const BFloat16* weights,
                                              const BFloat16* values, float* sums) {
  const int64_t stride = columns * kTileNumbers;
  for (int64_t at = 0, n; at < columns; at += n, values += n * kTileNumbers, sums += n * 2 * kTileSums) {
    // Three at a time load least; four are two pairs, for one alone loads most.
    const int64_t left = columns - at;
    n = left == 4 || left < 3 ? std::min<int64_t>(left, 2) : 3;
    if (n == 3)
      add_columns<Tiles, 3, kSplit>(first, pieces, weights, values, stride, sums);
    else if (n == 2)
      add_columns<Tiles, 2, kSplit>(first, pieces, weights, values, stride, sums);
    else
      add_columns<Tiles, 1, kSplit>(first, pieces, weights, values, stride, sums);
  }
}

}  // namespace corepulse::kernels

HWY_POP_ATTRIBUTES
