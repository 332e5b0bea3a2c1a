#pragma once
// A sweep by the processes that mpirun started: the first hands out cells and writes, the others draw.

#include "corepulse/sweep.h"

namespace corepulse::cli {

/**
 * Whether mpirun started several of this program. @throws Error{invalid_request} if it did, and the program was built
 * without MPI: all of them would draw the same.
 */
bool started_by_mpi();

/**
 * Draws, once in a process. In the first of the processes `done` gets the report; of the options the others use folder,
 * device, together and stop. A process that dies ends all of them, as mpirun does; `resume` goes on.
 * @throws in the first process as run_sweep, or what another one's drawing threw.
 */
void draw_with_mpi(const Sweep& sweep, const SweepOptions& options,
                   const std::function<void(const SweepReport&)>& done);

}  // namespace corepulse::cli
