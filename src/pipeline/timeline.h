#pragma once
// Control that was edited while a run went on: one program after another.

#include <utility>
#include <vector>

#include "control/program.h"

namespace corepulse::pipeline {

class Timeline : public control::Control {
 public:
  explicit Timeline(control::Program first) { programs_.emplace_back(0, std::move(first)); }

  /** From this step on `next` holds; its texts must begin with those of the program before (ProgramOptions::texts). */
  void edit(int step, control::Program next) { programs_.emplace_back(step, std::move(next)); }

  control::AttentionPlan plan(const control::Site& site, const control::Step& step) const override {
    return at(step.index).plan(site, step);
  }
  control::StepPlan step(const control::Step& step) const override { return at(step.index).step(step); }

  /** All texts of the run: the last program's begin with all earlier ones'. */
  const std::vector<control::ContextSpec>& texts() const { return programs_.back().second.texts(); }
  const std::vector<std::pair<int, control::Program>>& programs() const { return programs_; }

 private:
  const control::Program& at(int step) const {
    size_t i = programs_.size() - 1;
    while (i > 0 && programs_[i].first > step) --i;
    return programs_[i].second;
  }
  std::vector<std::pair<int, control::Program>> programs_;
};

}  // namespace corepulse::pipeline
