#pragma once
// What every model call is given, whatever is read: guidance, the negative prompt, SDXL's vectors.

#include "control/program/context.h"

namespace corepulse::control {

struct StepInputs {
  std::vector<StepPlan> plans;               ///< By call.
  std::vector<int> negative;                 ///< By call: the negative prompt's internal number.
  std::vector<int> prompts;                  ///< By image: its prompt's internal number, at step 0 if that changes.
  std::vector<std::vector<int>> prompts_at;  ///< By call, the same; one for all where nothing changes.
  std::vector<ControlReport> reports;        ///< By control: of those that set inputs.
  std::vector<BlendSpec> blends;
};

/** By image, the internal number of what it reads as its prompt. */
inline const std::vector<int>& prompts_at(const StepInputs& steps, int call) {
  return steps.prompts_at.size() == 1 ? steps.prompts_at[0] : steps.prompts_at[static_cast<size_t>(call)];
}

/** The rows of a control of the list, and the control of such rows. */
constexpr Role role_of(int index) {
  return kWithoutPicture + 1 + index;
}
constexpr int control_of(Role role) {
  return role - kWithoutPicture - 1;
}

/** @throws Error{invalid_request} for controls of these kinds that are wrong or set nothing of this run. */
StepInputs set_inputs(Context& context);

/**
 * A control that adds a side network's residuals is added to the calls in its window, and reported.
 * @throws Error{invalid_request} if its network adds to nothing that it names.
 */
void add_side_calls(int index, Context& context, StepInputs& steps);

/**
 * A control that changes features is added to the calls in its window, and reported.
 * @throws Error{invalid_request} if none of its layers is where it says, or another one changes the same.
 */
void add_feature_gains(int index, Context& context, StepInputs& steps);

/**
 * A control that gives resnets others' features is added to the calls in its window, and reported.
 * @throws Error{invalid_request} for an image or a recording that does not fit the run, or an empty region.
 */
void add_feature_mixes(int index, Context& context, StepInputs& steps);

/**
 * A control that mixes latents is added behind the steps in its window, and reported.
 * @throws Error{invalid_request} if there is nothing to mix, or the region is empty.
 */
void add_blends(int index, Context& context, StepInputs& steps);

/**
 * A control that makes calls of its own, of the picture blurred, is added to the calls in its window, and reported.
 * @throws Error{invalid_request} for layers that have no map together.
 */
void add_blurred_calls(int index, Context& context, StepInputs& steps);

}  // namespace corepulse::control
