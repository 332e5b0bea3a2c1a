#pragma once
// Which weights hold NaN or infinity.

#include <string>
#include <vector>

#include "model/parts.h"

namespace corepulse::model {

/**
 * One line per network with such weights: "vae: decoder.conv_in.weight and 2 more (FILE)". Reads every number of the
 * model: to be asked only when something came out non-finite. @throws Error bad_file if a file was changed meanwhile.
 */
std::vector<std::string> non_finite_weights(const Parts& parts);

}  // namespace corepulse::model
