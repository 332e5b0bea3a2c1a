#pragma once
// The levels of Restart sampling (Xu et al. 2023), as A1111 chooses them.

#include "sampler/sampler.h"
#include "sampler/schedule/sigma_table.h"

namespace corepulse::sampler {

/**
 * From 20 steps on: the levels become Karras' between the ends of the schedule, fewer of them, and the steps saved go,
 * once or, from 36 steps on, twice, from sigma 2 down to 0.1 again. A shorter schedule stays as it is.
 * @param listed the levels were given one by one: they are not replaced.
 * @throws Error invalid_request where they would have to be.
 */
void add_restarts(Schedule& schedule, const SigmaTable& table, bool listed);

}  // namespace corepulse::sampler
