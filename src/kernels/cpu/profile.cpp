#include "kernels/cpu/profile.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

namespace corepulse::kernels {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<bool> timing{false};
std::mutex mutex;
std::map<std::pair<std::string, std::string>, KernelTime> times;  // guarded by mutex

}  // namespace

void start_profile() {
  const std::lock_guard lock(mutex);
  times.clear();
  timing = true;
}

std::vector<KernelTime> stop_profile() {
  timing = false;
  const std::lock_guard lock(mutex);
  std::vector<KernelTime> all;
  for (const auto& [key, time] : times) all.push_back(time);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return all;
}

KernelTimer::KernelTimer(const char* kernel, const mx::Shape& result)
    : kernel_(timing.load(std::memory_order_relaxed) ? kernel : nullptr), result_(result) {
  if (kernel_) start_ = Clock::now();
}

KernelTimer::~KernelTimer() {
  if (!kernel_) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const std::lock_guard lock(mutex);
  auto& time = times[{kernel_, to_string(result_)}];
  time.kernel = kernel_, time.shape = to_string(result_);
  ++time.calls;
  time.seconds += seconds;
}

}  // namespace corepulse::kernels
