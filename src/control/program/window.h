#pragma once
// Windows: at which model calls a control acts.

#include <string>
#include <vector>

#include "corepulse/control_values.h"

#include "control/plan.h"

namespace corepulse::control {

bool inside(const Window& window, const Step& call);

/**
 * For every call, whether it lies inside.
 * @throws Error{invalid_request} at `path` if the window is not one (start before end, negative step, NaN) or meets no
 * call; the message shows the run's steps or sigmas.
 */
std::vector<bool> active_calls(const Window& window, const std::vector<Step>& calls, const std::string& path);

/** "always", "steps 3..8", "sigma inf..2". */
std::string to_string(const Window& window);

}  // namespace corepulse::control
