#pragma once
// Counters that a recorded graph's operations need at zero. Only in a CUDA build.

#include <cuda.h>
#include <optional>

#include "base/tensor.h"

namespace corepulse::kernels {

/**
 * cuDNN's attention and some of cuBLAS's products first set a counter in their workspace to 0 with a memset of its own,
 * around which the GPU waits some 8 microseconds. A recording gives every workspace to one operation alone, so one
 * kernel at its start can set them all: it takes the memsets' place in `graph`.
 * @return what must live as long as the graph; nothing if there was no counter.
 * @throws Error{internal}
 */
std::optional<mx::array> set_counters_first(CUgraph graph);

}  // namespace corepulse::kernels
