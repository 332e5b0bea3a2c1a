#pragma once
// The controls of several runs, asked in one call: each for the rows of its own images.

#include <vector>

#include "control/plan.h"

namespace corepulse::control {

/** One of the runs, and what the call calls its images and its texts. */
struct JoinedRun {
  const Control& control;     ///< Must outlive this.
  int first = 0, images = 1;  ///< Its image i is the call's first + i.
  std::vector<TextId> texts;  ///< By the run's own TextId.
};

/** Nothing of one run reaches another: each row's readings are those of its run, by other numbers. */
class Joined : public Control {
 public:
  explicit Joined(std::vector<JoinedRun> runs) : runs_(std::move(runs)) {}

  /**
   * @throws Error{internal} for a row of no run, and where a run has captures, functions or recordings, which it knows
   * by numbers of its own.
   */
  AttentionPlan plan(const Site& site, const Step& step) const override;
  /** Nothing: what a step adds up is asked of each run by itself, and none changes weights. */
  StepPlan step(const Step&) const override { return {}; }

 private:
  std::vector<JoinedRun> runs_;
};

}  // namespace corepulse::control
