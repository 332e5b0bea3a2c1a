#pragma once
// What models are called that were cut down from a family's own, or trained otherwise.

#include <string>

#include "model/parts.h"

namespace corepulse::model {

/** See ModelInfo::known_as. */
std::string known_as(const Parts& parts);

}  // namespace corepulse::model
