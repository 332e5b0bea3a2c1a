#pragma once
// Where the time goes: seconds per CPU kernel and shape.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace corepulse::kernels {

/** What one kernel took for one shape of result. */
struct KernelTime {
  std::string kernel;  ///< e.g. "conv2d"
  std::string shape;   ///< e.g. "[2, 64, 64, 320]"
  int64_t calls = 0;
  double seconds = 0;
};

/** From now on every CPU kernel of the process is timed. While off, a kernel pays for one flag. */
void start_profile();

/** Stops timing. The times since the start, the longest first. */
std::vector<KernelTime> stop_profile();

/** Adds the time it lives to the profile, if there is one. */
class KernelTimer {
 public:
  KernelTimer(const char* kernel, const mx::Shape& result);
  ~KernelTimer();
  KernelTimer(const KernelTimer&) = delete;
  KernelTimer& operator=(const KernelTimer&) = delete;

 private:
  const char* kernel_;       // null: not timed
  const mx::Shape& result_;  // outlives the timer
  std::chrono::steady_clock::time_point start_;
};

}  // namespace corepulse::kernels
