// Compiled once per instruction set: the one that runs says its name.
#include "kernels/cpu/simd/targets.h"

#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/targets.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace corepulse::kernels::HWY_NAMESPACE {

int64_t Target() {
  return HWY_TARGET;
}

}  // namespace corepulse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace corepulse::kernels {

HWY_EXPORT(Target);

int64_t simd_target() {
  return HWY_DYNAMIC_DISPATCH(Target)();
}

}  // namespace corepulse::kernels
#endif
