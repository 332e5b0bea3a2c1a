#include "kernels/device.h"

#include <cstdlib>
#include <fmt/format.h>
#include <hwy/targets.h>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <string_view>

#include "mlx/device.h"

#include "base/fail.h"
#include "kernels/amx/attention.h"
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/short_waits.h"
#include "kernels/cpu/simd/targets.h"

namespace corepulse::kernels {
namespace {

int64_t targets_above(std::string_view cap) {
#if HWY_ARCH_X86
  const int64_t above_avx2 = HWY_AVX3_DL | HWY_AVX3;
  if (cap.empty() || cap == "amx" || cap == "avx512" || cap == "mlx") return 0;
  if (cap == "avx2") return above_avx2;
  if (cap == "baseline") return above_avx2 | HWY_AVX2;
  constexpr std::string_view known = "amx, avx512, avx2, baseline or mlx";
#else
  if (cap.empty() || cap == "neon" || cap == "mlx") return 0;
  constexpr std::string_view known = "neon or mlx";
#endif
  fail(ErrorCode::invalid_request, "device",
       fmt::format("COREPULSE_ISA is '{}'; expected {}; correct or unset it", cap, known));
}

// Highway and oneDNN each choose instructions by themselves; both get the same upper limit before their first use.
void cap_instructions() {
  const char* given = std::getenv("COREPULSE_ISA");
  const std::string_view cap(given ? given : "");
  const int64_t above = targets_above(cap);
  if (cap.empty() || cap == "amx" || !kHasOnednnKernels) return;
  const auto below_avx512 = above & HWY_AVX2 ? dnnl::cpu_isa::sse41 : dnnl::cpu_isa::avx2;
  if (dnnl::set_max_cpu_isa(above ? below_avx512 : dnnl::cpu_isa::avx512_core_bf16) != dnnl::status::success)
    fail(ErrorCode::internal, "device",
         "COREPULSE_ISA came after oneDNN's first use; expected before; set it before the program starts");
  if (above == 0) return;
  hwy::DisableTargets(above);
  // SupportedTargets() itself makes all targets eligible for a moment (Highway 1.0.3); choosing here and now spares
  // every later dispatch from calling it.
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

void cap_instructions_once() {
  static std::once_flag once;
  std::call_once(once, cap_instructions);
}

bool has_instructions(dnnl::cpu_isa wanted) {
  cap_instructions_once();
  if (!kHasOnednnKernels) return false;             // it answers for x86 alone
  const auto bits = static_cast<unsigned>(wanted);  // each set's bits hold those of the sets below it
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

}  // namespace

bool use_cpu_kernels(const mx::array& x) {
  if (rehearses_metal()) return false;
  cap_instructions_once();
  keep_waits_short();
  return (x.dtype() == mx::float32 || x.dtype() == mx::bfloat16) && mx::default_device() == mx::Device::cpu;
}

bool has_bf16() {
  if (asks_for_rehearsal()) return false;
  return has_instructions(dnnl::cpu_isa::avx512_core_bf16);
}

bool has_amx() {
  if (asks_for_rehearsal()) return false;
  return has_instructions(dnnl::cpu_isa::avx512_core_amx);
}

std::string isa() {
  if (asks_for_rehearsal()) return "mlx";
  cap_instructions_once();
  switch (simd_target()) {
    case HWY_AVX3:
      return has_tiles() ? "amx" : "avx512";
    case HWY_AVX2:
      return "avx2";
    case HWY_NEON:
      return "neon";
    default:
      return "baseline";
  }
}

}  // namespace corepulse::kernels
