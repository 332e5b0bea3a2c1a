#pragma once
// Ctrl-C: the first asks the run to stop, the second ends the program at once.

namespace corepulse::cli {

/** From now on the first SIGINT or SIGTERM only sets a flag; the next one acts as the system's
 * default. */
void catch_interrupts();

bool interrupted() noexcept;

/** @throws Error{cancelled} if interrupted(). */
void stop_if_interrupted();

}  // namespace corepulse::cli
