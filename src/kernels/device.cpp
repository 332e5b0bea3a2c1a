#include "kernels/device.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <thread>
#ifdef __linux__
#include <sched.h>
#endif
#ifdef COREPULSE_CPU_KERNELS
#include <hwy/targets.h>
#include <oneapi/dnnl/dnnl.hpp>

#include "kernels/amx/attention.h"
#include "kernels/cpu/short_waits.h"
#include "kernels/cpu/simd/targets.h"
#endif

#include <fmt/format.h>

#include "mlx/backend/cuda/cuda.h"
#include "mlx/device.h"

#include "base/fail.h"

namespace corepulse::kernels {
namespace {

std::atomic<int> chosen_threads{0};

int allowed_cores() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int default_threads() {
  const char* given = std::getenv("COREPULSE_THREADS");
  if (!given || !*given) return allowed_cores();
  const std::string_view text(given);
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < 1 || n > 1024)
    fail(ErrorCode::invalid_request, "device",
         fmt::format("COREPULSE_THREADS is '{}'; expected 1..1024; correct or unset it", text));
  return n;
}

#ifdef COREPULSE_CPU_KERNELS

int64_t targets_above(std::string_view cap) {
  const int64_t above_avx2 = HWY_AVX3_DL | HWY_AVX3;
  if (cap.empty() || cap == "amx" || cap == "avx512") return 0;
  if (cap == "avx2") return above_avx2;
  if (cap == "baseline") return above_avx2 | HWY_AVX2;
  fail(ErrorCode::invalid_request, "device",
       fmt::format("COREPULSE_ISA is '{}'; expected amx, avx512, avx2 or baseline; correct or unset it", cap));
}

// Highway and oneDNN each choose instructions by themselves; both get the same upper limit before their first use.
void cap_instructions() {
  const char* given = std::getenv("COREPULSE_ISA");
  const std::string_view cap(given ? given : "");
  const int64_t above = targets_above(cap);
  if (cap.empty() || cap == "amx") return;
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
  const auto bits = static_cast<unsigned>(wanted);  // each set's bits hold those of the sets below it
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

#endif

}  // namespace

bool on_cuda() {
  static const bool cuda = mx::cu::is_available();
  return cuda && mx::default_device() == mx::Device::gpu;
}

bool use_cpu_kernels(const mx::array& x) {
#ifdef COREPULSE_CPU_KERNELS
  cap_instructions_once();
  keep_waits_short();
  return (x.dtype() == mx::float32 || x.dtype() == mx::bfloat16) && mx::default_device() == mx::Device::cpu;
#else
  static_cast<void>(x);
  return false;
#endif
}

bool has_bf16() {
#ifdef COREPULSE_CPU_KERNELS
  return has_instructions(dnnl::cpu_isa::avx512_core_bf16);
#else
  return false;
#endif
}

bool keeps_halves() {
  const auto set = isa();
  return set != "mlx" && set != "amx";
}

bool has_amx() {
#ifdef COREPULSE_CPU_KERNELS
  return has_instructions(dnnl::cpu_isa::avx512_core_amx);
#else
  return false;
#endif
}

std::string isa() {
#ifdef COREPULSE_CPU_KERNELS
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
#else
  return "mlx";
#endif
}

int threads() {
  const int chosen = chosen_threads.load(std::memory_order_relaxed);
  if (chosen > 0) return chosen;
  static const int standard = default_threads();
  return standard;
}

void set_threads(int n) {
  chosen_threads.store(std::clamp(n, 0, 1024));
}

}  // namespace corepulse::kernels
