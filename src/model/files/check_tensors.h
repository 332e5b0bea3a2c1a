#pragma once
// What loading a model would refuse about its tensors, found from the files' headers alone.

#include "model/parts.h"

namespace corepulse::model {

/**
 * Builds every network without its numbers. @throws Error{unsupported_model} naming a tensor that is missing, left
 * over, of another shape, or stored as a type that no weight has.
 */
void check_tensors(const Parts& parts);

}  // namespace corepulse::model
