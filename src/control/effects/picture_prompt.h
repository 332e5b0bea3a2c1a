#pragma once
// How an adapter with its pictures is known to controls.

#include <string>

#include "corepulse/effects.h"

namespace corepulse::control {

/** The same for two controls that read the same pictures by the same adapter: file, encoder and pictures, as JSON. */
std::string picture_prompt_name(const Effect& effect);

}  // namespace corepulse::control
