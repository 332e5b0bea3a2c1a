#pragma once
// Control that was edited while a run went on: one program after another.

#include <algorithm>
#include <utility>
#include <vector>

#include "control/program/program_data.h"

namespace corepulse::control {

class Timeline : public Control {
 public:
  explicit Timeline(Program first) : latest_(first) { programs_.emplace_back(0, std::move(first)); }

  /**
   * From this step on, up to the next edit's, `next` holds; of several at one step the last given does. Its texts must
   * begin with texts() (ProgramOptions::texts).
   */
  void edit(int step, Program next) {
    latest_ = next;
    const auto later = std::find_if(programs_.begin(), programs_.end(), [=](const auto& p) { return p.first > step; });
    programs_.emplace(later, step, std::move(next));
  }

  /** The same of a program made by looking. Of those only this and the step before's stay. */
  void look(int step, Program next) {
    const auto past = [=](const auto& p) { return p.first < step - 1 && p.second.data().looked; };
    programs_.erase(std::remove_if(programs_.begin(), programs_.end(), past), programs_.end());
    edit(step, std::move(next));
  }

  AttentionPlan plan(const Site& site, const Step& step) const override { return at(step.index).plan(site, step); }
  StepPlan step(const Step& step) const override { return at(step.index).step(step); }

  /** All texts of the run: those of the program that was added last begin with all earlier ones'. */
  const std::vector<ContextSpec>& texts() const { return latest_.texts(); }
  /** With the steps they hold from, in order. */
  const std::vector<std::pair<int, Program>>& programs() const { return programs_; }

  /** The program that holds at a step. */
  const Program& at(int step) const {
    size_t i = programs_.size() - 1;
    while (i > 0 && programs_[i].first > step) --i;
    return programs_[i].second;
  }

 private:
  std::vector<std::pair<int, Program>> programs_;
  Program latest_;
};

}  // namespace corepulse::control
