// Ctrl-C: the first asks the run to stop, the second ends the program at once.

#include "interrupt.h"

#include <csignal>

#include "corepulse/error.h"

namespace corepulse::cli {

namespace {
volatile std::sig_atomic_t stop_asked = 0;
void ask_to_stop(int) {
  stop_asked = 1;
}
}  // namespace

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = ask_to_stop;
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() noexcept {
  return stop_asked != 0;
}

void stop_if_interrupted() {
  if (interrupted()) throw Error(ErrorCode::cancelled, "[corepulse] stopped; nothing was written");
}

}  // namespace corepulse::cli
