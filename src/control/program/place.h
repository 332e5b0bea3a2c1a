#pragma once
// Where, when and in which rows each control acts; those that act nowhere are refused.

#include "control/program/step_inputs.h"

namespace corepulse::control {

/** A control (or a user's function) placed in the run. */
struct Placed {
  int index = -1;  ///< In the list of controls; -1: a function.
  const corepulse::Control* control = nullptr;
  std::string path;
  EffectPointer effect;
  Rows rows = Rows::cond;
  std::optional<Role> role;  ///< It acts in rows of this role alone, after all others.
  bool last = false;         ///< It acts after those, too.
  std::vector<bool> sites, calls;
  std::vector<int> numbers_at;  ///< By call: index of `numbers`; -1 outside the window.
  std::vector<std::vector<double>> numbers;

  bool takes_image(int image) const;
  bool takes_row(bool conditional) const { return rows == Rows::both || (rows == Rows::cond) == conditional; }
  bool takes_role(Role which) const { return role ? *role == which : takes_row(Row{0, which}.conditional()); }
};

struct Placement {
  std::vector<Placed> placed;  ///< In list order, then the functions.
  std::vector<CaptureSpec> captures;
};

/** Adds to `steps` the rows of what perturbs. @throws Error{invalid_request}. */
Placement place(Context& context, StepInputs& steps);

}  // namespace corepulse::control
