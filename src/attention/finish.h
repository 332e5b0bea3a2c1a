#pragma once
// What is done to a row after all its readings, before to_out.

#include "attention/pass.h"

namespace corepulse::attention {

/** control::Finish: z [1, N, C], what the row's readings found, n, what `against` finds -> [1, N, C]. */
mx::array finished(const mx::array& z, const mx::array& n, const control::Finish& finish, RunCache& cache);

}  // namespace corepulse::attention
