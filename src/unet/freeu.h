#pragma once
// FreeU: what comes up and a skip, as the resnet of an up block is given them.

#include <utility>

#include "unet/call_inputs.h"

namespace corepulse::unet {

/** What comes up and the skip, both [B, h, w, *] in their types, changed by the gains; see freeu.cpp. */
std::pair<mx::array, mx::array> joined(const mx::array& up, const mx::array& skip, const CallInputs::Gain& gain);

}  // namespace corepulse::unet
