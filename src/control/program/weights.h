#pragma once
// Controls that change the model's weights: in which layers, at which calls, by how much.

#include "control/program/place.h"

namespace corepulse::control {

/**
 * The control of that index is added to the weights of the calls in its window, and reported. @return what it does to
 * attention layers: where it has a region, or changes all the time, it stands beside the weights.
 * @throws Error{invalid_request} if its file changes no layer that it names, or one whose change no region can have.
 */
std::vector<Placed> change_weights(int index, Context& context, StepInputs& steps);

}  // namespace corepulse::control
