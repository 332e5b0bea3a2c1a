#pragma once
// What the system says of the machine: for reports.

#include <string>

namespace corepulse::engine {

/** "Linux 6.1.0-13-amd64 x86_64", "Darwin 25.1.0 arm64". */
std::string system_name();

/** "Apple M3 Pro"; empty if the system does not say. */
std::string processor_name();

}  // namespace corepulse::engine
