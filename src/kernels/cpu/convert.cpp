#include "kernels/cpu/simd/convert.h"

#include "kernels/cpu/cpu.h"

namespace corepulse::kernels::cpu {

bool f16_to_f32(const void* source, float* target, int64_t n) {
  widen(static_cast<const Half*>(source), target, n);
  return true;
}

bool f16_to_bf16(const void* source, BFloat16* target, int64_t n) {
  convert(static_cast<const Half*>(source), target, n);
  return true;
}

bool f32_to_bf16(const float* source, BFloat16* target, int64_t n) {
  convert(source, target, n);
  return true;
}

}  // namespace corepulse::kernels::cpu
