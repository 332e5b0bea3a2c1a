#pragma once
// Ctrl-C: the first asks the run to stop, the second ends the program at once.

#include <atomic>
#include <memory>

namespace corepulse::cli {

/** From now on the first SIGINT or SIGTERM only sets a flag; the next one acts as the system's default. */
void catch_interrupts();

/** Until then both act as the system's default: where nothing hears the flag. */
void release_interrupts();

bool interrupted() noexcept;

/** That flag, for Request::stop. */
std::shared_ptr<const std::atomic<bool>> stop_flag();

/** What a shell expects of a program that a signal ended: 130 after Ctrl-C. Of use once interrupted(). */
int interrupted_status() noexcept;

/** @throws Error{cancelled} if interrupted(). */
void stop_if_interrupted();

}  // namespace corepulse::cli
