#include "kernels/stop.h"

#include "base/fail.h"

namespace corepulse::kernels {
namespace {

// Runs follow one another on one thread; their kernels' workers read these.
std::atomic<const std::atomic<bool>*> current = nullptr;
std::atomic<bool> heard = false;  // an application may take its flag back; an unfinished result stays unfinished

}  // namespace

StopScope::StopScope(const std::atomic<bool>* flag) : outer_(current.exchange(flag)) {
  heard = false;
}

StopScope::~StopScope() {
  current = outer_;
  heard = false;
}

bool stop_asked() noexcept {
  const auto* flag = current.load(std::memory_order_relaxed);
  if (!flag || !flag->load(std::memory_order_relaxed)) return heard.load(std::memory_order_relaxed);
  heard.store(true, std::memory_order_relaxed);
  return true;
}

void check_stop() {
  if (stop_asked()) fail(ErrorCode::cancelled, "generate", "stopped inside the run, as asked");
}

}  // namespace corepulse::kernels
