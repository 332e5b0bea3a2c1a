#pragma once
// What of a request cannot be split between processes.

#include "corepulse/request.h"

#include "pipeline/prepare/prepare.h"

namespace corepulse::pipeline {

/**
 * Each process computes some rows of every model call and knows nothing of the others' but what they predict.
 * @param one_by_one see Run. @throws Error{invalid_request} naming what looks at other rows, or watches them; where no
 * call has a row for each process.
 */
void check_split(const Prepared& prepared, const Request& request, int processes, bool one_by_one);

}  // namespace corepulse::pipeline
