#pragma once
// Where a second model takes a pass over (Recipe::refiner), and which of the controls act on which of the two.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/plan.h"
#include "pipeline/functions.h"
#include "pipeline/prepare/outline.h"
#include "pipeline/prepare/resolve.h"

namespace corepulse::pipeline {

/** Opens the model that a recipe's refiner names; empty: Outline itself. */
using OutlineOf = std::function<std::shared_ptr<const Outline>(const ModelSource&)>;

struct Handover {
  std::shared_ptr<const Outline> outline;  ///< The second model's.
  Resolved resolved;                       ///< The pass as that model runs it.
  int step = 0;                            ///< Of its first call.
  /** The sampler begins anew there, as a run of its own does: compat diffusers and comfy. A1111's goes on. */
  bool anew = true;
  std::vector<control::Step> before, behind;  ///< The pass's model calls, each model's numbered from 0.
};

/**
 * Nothing, and a note, where no call is left for the refiner: then its model is not looked at. @param own the recipe's
 * model. @throws Error{invalid_request} naming the field, Error{unsupported_model} for a model with other latents or
 * noise levels, and as Outline does.
 */
std::optional<Handover> handover(const Resolved& pass, const Outline& own, const OutlineOf& open,
                                 std::vector<std::string>& notes);

/** Whether a LoRA, a ControlNet or an IP-Adapter is of weights as the model's. @param loras see Recipe. */
bool fits(const Outline& outline, Control control, const std::string& loras);

/** Controls as each of the two models is given them: those that do not act there are switched off. */
struct Divided {
  std::vector<Control> before, behind;
  std::vector<std::string> notes;  ///< Of those that one of the models lacks a place for.
};

/**
 * A control acts on a model where one of its calls lies in the control's window, and its layers, or what its LoRA
 * changes or its ControlNet adds to, are there. Recordings are of the recipe's model alone. One that acts nowhere
 * stays, to be refused there.
 * @param loras see Recipe. @param path what errors call the controls.
 */
Divided divided(const std::vector<Control>& controls, const Handover& at, const Outline& own, const std::string& loras,
                const std::string& path);
/** The application's attention functions likewise. */
std::pair<FunctionList, FunctionList> divided(const FunctionList& functions, const Handover& at, const Outline& own);

}  // namespace corepulse::pipeline
