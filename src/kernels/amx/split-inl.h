#pragma once
// A float32 number as a sum of two in bfloat16, for tiles: see product.h.
//
// AVX-512 intrinsics and not Highway: what runs beside AMX's tiles runs on no other processor.

#include <hwy/base.h>
#include <immintrin.h>

#include "kernels/amx/polynomials.h"
#include "kernels/number.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")

namespace corepulse::kernels {

[[gnu::always_inline]] inline __m512 widened(__m256i bits) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

[[gnu::always_inline]] inline __m256i narrowed(__m512 x) {
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x));
}

/** x = high + low to within 2^-18 of it, and `rest` what is left; what is not finite is all high. */
struct Split {
  __m256i high, low;
  __m512 rest;

  [[gnu::always_inline]] explicit Split(__m512 x) : high(narrowed(x)) {
    rest = _mm512_sub_ps(x, widened(high));
    rest = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(rest, rest, _CMP_ORD_Q), rest);
    low = narrowed(rest);
    rest = _mm512_sub_ps(rest, widened(low));
  }
};

/** Any number of them. @param lowest what is left; or null. */
inline void split_all(const float* x, int64_t n, BFloat16* high, BFloat16* low, BFloat16* lowest = nullptr) {
  for (int64_t i = 0; i < n; i += 16) {
    const __mmask16 inside = n - i >= 16 ? 0xffff : static_cast<__mmask16>((1u << (n - i)) - 1);
    const Split parts(_mm512_maskz_loadu_ps(inside, x + i));
    _mm256_mask_storeu_epi16(high + i, inside, parts.high);
    _mm256_mask_storeu_epi16(low + i, inside, parts.low);
    if (lowest) _mm256_mask_storeu_epi16(lowest + i, inside, narrowed(parts.rest));
  }
}

/** c[0] + x (c[1] + x (c[2] + ...)). */
template <int kCount>
[[gnu::always_inline]] inline __m512 horner(__m512 x, const float (&c)[kCount]) {
  __m512 sum = _mm512_set1_ps(c[kCount - 1]);
  for (int i = kCount - 2; i >= 0; --i) sum = _mm512_fmadd_ps(sum, x, _mm512_set1_ps(c[i]));
  return sum;
}

/** 2^t, relative error below 1.2e-7. */
[[gnu::always_inline]] inline __m512 exact_exp2(__m512 t) {
  const __m512 n = _mm512_roundscale_ps(t, 0);
  return _mm512_scalef_ps(horner(_mm512_sub_ps(t, n), kExp2), n);
}

}  // namespace corepulse::kernels

HWY_POP_ATTRIBUTES
