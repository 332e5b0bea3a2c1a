#pragma once
// How a side network with its picture is known to controls.

#include <string>

#include "corepulse/effects.h"

namespace corepulse::control {

/** The same for two controls that share a network and its picture: all of such a kind's fields but its strengths and
 * digests, as JSON. */
std::string side_network_name(const Effect& effect);

}  // namespace corepulse::control
