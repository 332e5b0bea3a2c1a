// Controls that add side networks' residuals: to which skips, at which calls, by how much.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/kind.h"
#include "control/program/besides/drawn.h"
#include "control/program/step_inputs.h"
#include "control/program/window.h"

namespace corepulse::control {
namespace {

/** Resolves one control that adds a side network's residuals. */
class SideControl {
 public:
  SideControl(int index, Context& context, StepInputs& steps)
      : control_(context.controls[static_cast<size_t>(index)]),
        path_(context.path_of(index)),
        context_(context),
        in_(context.inputs),
        steps_(steps),
        report_(steps.reports[static_cast<size_t>(index)]),
        use_(kind_of(control_.effect).side(control_, in_, path_)),
        network_(in_.side_networks[static_cast<size_t>(use_.network)]),
        rows_(control_.rows.value_or(use_.guess ? Rows::cond : Rows::both)) {}

  void operator()() {
    choose_skips();
    const auto active = active_calls(control_.when, in_.calls, path_ + ".when");
    context_.budget.spend(active.size() + in_.skips.size());
    if (control_.region) draw_region();
    report_.calls.assign(active.size(), false);
    for (size_t call = 0; call < active.size(); ++call)
      if (active[call] && (rows_ != Rows::uncond || steps_.plans[call].guided)) add(call);
    const bool acts = std::find(report_.calls.begin(), report_.calls.end(), true) != report_.calls.end();
    report_.state = acts ? ControlReport::State::acts : ControlReport::State::neutral;
    if (!acts) report_.reason = "its strength is 0";
    report_.network = network_.what;
  }

 private:
  void choose_skips() {
    report_.skips = select(context_.skips, control_.where, AttentionKind::both, path_ + ".where");
    std::string others;
    for (size_t i = 0; i < in_.skips.size(); ++i) {
      if (network_.skips[i]) others += (others.empty() ? "" : ", ") + in_.skips[i].path;
      report_.skips[i] = report_.skips[i] && network_.skips[i];
    }
    if (std::find(report_.skips.begin(), report_.skips.end(), true) == report_.skips.end())
      fail(ErrorCode::invalid_request, path_ + ".where",
           fmt::format("this {} adds nothing there; it adds to {}", network_.what, others));
  }

  void draw_region() {
    auto region =
        drawn(*control_.region, context_.skips, std::vector<bool>(in_.skips.size(), true), path_ + ".region", context_);
    report_.region = std::move(region.cells);
    // Everywhere: as without a region.
    if (!region.whole || !context_.options.elide) region_ = std::move(region.by_site);
  }

  /** Guess mode's: a tenth to 1, evenly in the logarithm, the middle block's the last. */
  double factor(size_t skip) const {
    if (!use_.guess || in_.skips.size() < 2) return 1;
    return std::pow(10, -1 + static_cast<double>(skip) / static_cast<double>(in_.skips.size() - 1));
  }

  void add(size_t call) {
    const double strength = use_.strength->at(in_.calls[call].progress);
    SideCall side{.network = use_.network,
                  .work = network_.work,
                  .weights = {},
                  .region = region_,
                  .negative = rows_ != Rows::cond,
                  .prompt = rows_ != Rows::uncond,
                  .images = control_.images};
    for (size_t i = 0; i < in_.skips.size(); ++i) {
      side.weights.push_back(report_.skips[i] ? static_cast<float>(strength * factor(i)) : 0);
      if (!std::isfinite(side.weights.back()))
        fail(ErrorCode::invalid_request, path_ + ".strength",
             "is beyond the numbers of float32; expected a smaller one");
    }
    if (std::all_of(side.weights.begin(), side.weights.end(), [](float w) { return w == 0; })) return;
    auto& plan = steps_.plans[call];
    const auto all = static_cast<double>(1 + plan.guided + plan.further.size());
    const double own = rows_ == Rows::both ? all : rows_ == Rows::uncond ? 1 : all - plan.guided;
    report_.calls[call] = true;
    report_.pairs += static_cast<int>(std::count(report_.skips.begin(), report_.skips.end(), true));
    report_.work = std::max(report_.work, network_.work * own / all);
    plan.side.push_back(std::move(side));
  }

  const corepulse::Control& control_;
  std::string path_;
  Context& context_;
  const ProgramInputs& in_;
  StepInputs& steps_;
  ControlReport& report_;
  SideUse use_;
  const SideNetworkInfo& network_;
  Rows rows_;
  std::vector<Values> region_;  ///< By skip; empty: everywhere.
};

}  // namespace

void add_side_calls(int index, Context& context, StepInputs& steps) {
  SideControl(index, context, steps)();
}

}  // namespace corepulse::control
