#pragma once
// What a run says when NaN or infinity came out.

#include <string>

#include "base/tensor.h"
#include "model/parts.h"

namespace corepulse::pipeline {

/** Whether every number is finite; evaluates x. */
bool is_finite(const mx::array& x);

/**
 * Ends a run in which `what` is not finite. @param dtype what was computed in.
 * @throws Error bad_file naming the weights that hold NaN or infinity, for which all are read; else internal.
 */
[[noreturn]] void fail_not_finite(const std::string& what, const model::Parts& parts, mx::Dtype dtype);

}  // namespace corepulse::pipeline
