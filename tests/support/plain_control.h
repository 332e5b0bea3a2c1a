#pragma once
// Control for tests: none, or one that a test writes down as a function.

#include <functional>

#include "control/plan.h"

namespace corepulse::test {

/** No control: the conditional rows read text 0, the others text 1. */
class PlainControl : public control::Control {
 public:
  control::AttentionPlan plan(const control::Site& site, const control::Step& step) const override {
    control::AttentionPlan plan;
    for (const auto& row : step.rows) plan.rows.push_back({base(site, row)});
    return plan;
  }
  control::StepPlan step(const control::Step&) const override { return {}; }

  static control::Reading base(const control::Site& site, const control::Row& row) {
    control::Reading reading;
    reading.sources = {site.cross ? control::Source{control::Source::Kind::text, row.conditional() ? 0 : 1}
                                  : control::Source{control::Source::Kind::own, 0}};
    return reading;
  }
};

/** A plan that `edit` changes at every cross- or self-attention call. */
class EditedControl : public PlainControl {
 public:
  using Edit = std::function<void(control::AttentionPlan&, const control::Site&, const control::Step&)>;
  explicit EditedControl(Edit edit) : edit_(std::move(edit)) {}
  control::AttentionPlan plan(const control::Site& site, const control::Step& step) const override {
    auto plan = PlainControl::plan(site, step);
    edit_(plan, site, step);
    return plan;
  }

 private:
  Edit edit_;
};

}  // namespace corepulse::test
