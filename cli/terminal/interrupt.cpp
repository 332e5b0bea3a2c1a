// Ctrl-C: the first asks the run to stop, the second ends the program at once.

#include "terminal/interrupt.h"

#include <csignal>

#include "corepulse/error.h"

namespace corepulse::cli {

namespace {

std::atomic<bool> stop_asked = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");
volatile std::sig_atomic_t by_signal = 0;

void ask_to_stop(int signal) {
  by_signal = signal;
  stop_asked = true;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = ask_to_stop;
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void release_interrupts() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool interrupted() noexcept {
  return stop_asked;
}

std::shared_ptr<const std::atomic<bool>> stop_flag() {
  return {std::shared_ptr<void>(), &stop_asked};  // it lives as long as the program
}

int interrupted_status() noexcept {
  return 128 + by_signal;
}

void stop_if_interrupted() {
  if (interrupted()) throw Error(ErrorCode::cancelled, "[corepulse] stopped; nothing was written");
}

}  // namespace corepulse::cli
