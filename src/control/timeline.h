#pragma once
// Control that was edited while a run went on: one program after another.

#include <algorithm>
#include <utility>
#include <vector>

#include "control/program.h"

namespace corepulse::control {

class Timeline : public Control {
 public:
  explicit Timeline(Program first) { programs_.emplace_back(0, std::move(first)); }

  /** From this step on `next` holds; its texts must begin with those of the program before (ProgramOptions::texts). */
  void edit(int step, Program next) { programs_.emplace_back(step, std::move(next)); }

  AttentionPlan plan(const Site& site, const Step& step) const override { return at(step.index).plan(site, step); }
  StepPlan step(const Step& step) const override { return at(step.index).step(step); }

  /** All texts of the run: the last program's begin with all earlier ones'. */
  const std::vector<ContextSpec>& texts() const { return programs_.back().second.texts(); }
  const std::vector<std::pair<int, Program>>& programs() const { return programs_; }

  /** Some image looks at another of its batch at some step: they must go through the UNet together. */
  bool joins_images() const {
    return std::any_of(programs_.begin(), programs_.end(), [](const auto& p) { return p.second.joins_images(); });
  }
  /** The program that holds at a step. */
  const Program& at(int step) const {
    size_t i = programs_.size() - 1;
    while (i > 0 && programs_[i].first > step) --i;
    return programs_[i].second;
  }

 private:
  std::vector<std::pair<int, Program>> programs_;
};

}  // namespace corepulse::control
