#pragma once
// A run that is asked to stop, heard inside long work.

#include <atomic>

namespace corepulse::kernels {

/** While it lives, the run on the engine's thread stops when the flag says so; null: nobody asks. */
class StopScope {
 public:
  explicit StopScope(const std::atomic<bool>* flag);
  ~StopScope();
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;

 private:
  const std::atomic<bool>* outer_;
};

/**
 * Whether the run was asked to stop, on any thread. A kernel that takes minutes then leaves its result unfinished; only
 * one whose results do not outlive the run may. Once true it stays so while the scope lives.
 */
bool stop_asked() noexcept;

/** Stands wherever an unfinished result could be taken for a finished one. @throws Error{cancelled} if stop_asked(). */
void check_stop();

}  // namespace corepulse::kernels
