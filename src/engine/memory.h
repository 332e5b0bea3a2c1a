#pragma once
// How much memory there is, and how much a run will take.

#include <cstddef>
#include <string>
#include <string_view>

namespace corepulse::engine {

/** Bytes of the machine, or of its cgroup where that has fewer. 0 if unknown. */
size_t total_memory();

/** Bytes this process may still take: the smaller of free memory and its cgroup's rest. 0 if
 * unknown. */
size_t available_memory();

/** Bytes of the current device's own memory that this process may still take; 0 if unknown, as a CPU's. */
size_t free_device_memory();

/** Whether an exception's text is that of an allocation that failed: MLX's own, CUDA's, cuDNN's, cuBLAS' or Metal's. */
bool says_out_of_memory(std::string_view text);

/** "3.4 GB". */
std::string gigabytes(size_t bytes);

}  // namespace corepulse::engine
