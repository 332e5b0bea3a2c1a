#pragma once
// Counters that a recorded graph's operations need at zero. Only in a CUDA build.

#include <cuda.h>
#include <optional>
#include <vector>

#include "base/tensor.h"

namespace corepulse::kernels {

/** The nodes of a graph itself, not those of its children. @throws Error{internal} */
std::vector<CUgraphNode> nodes_of(CUgraph graph);

/** A kernel that sets counters. */
struct Counters {
  mx::array list;  ///< Must live as long as the graph.
  CUgraphNode node;
};

/**
 * cuDNN's attention and some of cuBLAS's products first set a counter in their workspace to 0 with a memset of its own,
 * around which the GPU waits some 8 microseconds. A recording gives every workspace to one operation alone, so one
 * kernel can set them all: it takes the memsets' place in `graph`, where it has to come before all others.
 * @return nothing if there was no counter. @throws Error{internal}
 */
std::optional<Counters> clear_counters_together(CUgraph graph);

}  // namespace corepulse::kernels
