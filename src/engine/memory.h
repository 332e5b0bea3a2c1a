#pragma once
// How much memory there is, and how much a run will take.

#include <cstddef>
#include <string>

namespace corepulse::engine {

/** Bytes this process may still take: the smaller of free memory and its cgroup's rest. 0 if
 * unknown. */
size_t available_memory();

/** "3.4 GB". */
std::string gigabytes(size_t bytes);

}  // namespace corepulse::engine
