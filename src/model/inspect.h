#pragma once
// ModelInfo from what is understood of a model.

#include "corepulse/model.h"

#include "model/parts.h"

namespace corepulse::model {

ModelInfo describe(const Parts& parts);

}  // namespace corepulse::model
