#pragma once
// The tables behind a Program.

#include "control/program/program.h"

namespace corepulse::control {

/** What every row reads at every layer and call. */
struct PlanTable {
  struct Plan {
    std::vector<int> rows;    ///< By row class: index of `row_plans`; -1: there is no such row.
    std::vector<int> acting;  ///< Controls that change something.
    bool joins_images = false;
  };
  /** Layers at which the same controls act on the same grid share all plans. */
  std::vector<int> class_of_site;
  static constexpr int kNotMade = -1;
  std::vector<std::vector<int>> moments;  ///< [class][call] -> index of `plans`; kNotMade: see only_step.
  std::vector<Plan> plans;
  struct RowPlan {
    std::vector<Reading> readings;
    std::vector<Finish> finishes;
    Values order;  ///< AttentionPlan::orders.
  };
  std::vector<RowPlan> row_plans;
  /** [role][image]: images that all controls treat alike share a class; those of all roles are numbered through. */
  std::vector<std::vector<int>> row_classes;

  /** What a row of a call with this plan reads. @throws Error{internal} if there is no such row. */
  int row_plan(const Plan& plan, const Row& row) const;
  bool has(int call) const { return moments.empty() || moments[0][call] != kNotMade; }
  /** @throws Error{internal} if there is none of this call. */
  const Plan& at(const Site& site, int call) const;
};

/** What a program was made of that has live regions. */
struct Again {
  std::vector<corepulse::Control> controls;
  ProgramInputs inputs;
  ProgramOptions options;
};

struct Program::Data {
  std::vector<Site> sites;
  std::vector<Site> layers;   ///< ProgramInputs::layers.
  std::vector<Site> skips;    ///< ProgramInputs::skips.
  std::vector<Site> joints;   ///< Of ProgramInputs::joints.
  std::vector<Site> resnets;  ///< ProgramInputs::resnets.
  std::vector<Step> calls;
  int batch = 1;
  int latent_height = 0, latent_width = 0, image_height = 0, image_width = 0;

  std::vector<StepPlan> steps;  ///< By call.
  PlanTable table;

  std::vector<ContextSpec> texts;
  std::vector<int> keys;          ///< By text: positions of its context.
  std::vector<int> picture_keys;  ///< By picture prompt: its tokens.
  std::vector<CaptureSpec> captures;
  std::vector<FunctionSpec> functions;
  std::vector<BlendSpec> blends;  ///< In the order in which they act.
  std::vector<ControlReport> reports;
  std::shared_ptr<const Again> again = {};    ///< null: no region is live.
  bool looked = false;                        ///< Program::looking made it.
  size_t work = 0;                            ///< What it and the programs that it was made of by looking have spent.
  std::vector<std::string> cut_texts, notes;  ///< Sentences; notes holds both these and the neutral controls.

  int step_count() const { return calls.empty() ? 0 : calls.back().index + 1; }
  /** Step::call. @throws Error{internal} if it is no call of this run. */
  int call(const Step& step) const;
};

}  // namespace corepulse::control
