#pragma once
// Controls that change the model's weights: in which layers, at which calls, by how much.

#include "control/program/step_inputs.h"

namespace corepulse::control {

/**
 * The control of that index is added to the weights of the calls in its window, and reported.
 * @throws Error{invalid_request} if its file changes no layer that it names.
 */
void change_weights(int index, Context& context, StepInputs& steps);

}  // namespace corepulse::control
