#include "kernels/device.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <thread>
#ifdef __linux__
#include <sched.h>
#endif

#include <fmt/format.h>

#include "mlx/backend/cuda/cuda.h"
#include "mlx/backend/metal/metal.h"
#include "mlx/device.h"

#include "base/fail.h"

namespace corepulse::kernels {
namespace {

std::atomic<int> chosen_threads{0};

const char* environment(const char* name) {
  const char* given = std::getenv(name);
  return given ? given : "";
}

int allowed_cores() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int default_threads() {
  const std::string_view text(environment("COREPULSE_THREADS"));
  if (text.empty()) return allowed_cores();
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < 1 || n > 1024)
    fail(ErrorCode::invalid_request, "device",
         fmt::format("COREPULSE_THREADS is '{}'; expected 1..1024; correct or unset it", text));
  return n;
}

}  // namespace

bool on_cuda() {
  static const bool cuda = mx::cu::is_available();
  return cuda && mx::default_device() == mx::Device::gpu;
}

bool asks_for_rehearsal() {
  static const bool asked = std::string_view(environment("COREPULSE_ISA")) == "mlx";
  return asked;
}

bool rehearses_metal() {
  return asks_for_rehearsal() && mx::default_device() == mx::Device::cpu;
}

bool on_metal() {
  static const bool metal = mx::metal::is_available();
  return (metal && mx::default_device() == mx::Device::gpu) || rehearses_metal();
}

bool keeps_halves() {
  const auto set = isa();
  return set != "mlx" && set != "amx";
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
