#include "control/program/recording.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "control/quote.h"

namespace corepulse::control {
namespace {

constexpr double kSameSigma = 1e-3;  // relative: schedules that agree but for rounding

// What a control names must have been recorded; where it names nothing it acts on what was.
void narrow_layers(Placed& item, const RecordingInfo& info, const std::vector<Site>& sites) {
  for (size_t i = 0; i < item.sites.size(); ++i) {
    const auto& path = sites[i].path;
    if (!item.sites[i] || std::find(info.sites.begin(), info.sites.end(), path) != info.sites.end()) continue;
    if (!item.control->where.empty())
      refuse(item.path + ".where",
             fmt::format("{} was not recorded; it holds {} layers; expected some of them, or no where for all", path,
                         info.sites.size()));
    item.sites[i] = false;
  }
}

// That the call is as it was recorded.
void check_recorded(const Placed& item, const RecordingInfo& info, const Step& call, double sigma, bool guided) {
  if (!(std::abs(sigma - call.sigma) <= kSameSigma * call.sigma))
    refuse(item.path + ".recording",
           fmt::format("step {} was recorded at sigma {}; this run's is {}; expected the same steps and schedule",
                       call.index, number(sigma), number(call.sigma)));
  if ((item.takes_row(true) && !info.conditional) || (item.takes_row(false) && guided && !info.unconditional))
    refuse(item.path + ".rows",
           fmt::format("only the {} row was recorded; expected rows {}",
                       info.conditional ? "prompt's" : "negative prompt's", info.conditional ? "cond" : "uncond"));
}

void narrow_calls(Placed& item, const RecordingInfo& info, const std::vector<Step>& calls, const StepInputs& steps) {
  bool some = false;
  for (size_t i = 0; i < item.calls.size(); ++i) {
    if (!item.calls[i]) continue;
    const auto& call = calls[i];
    const auto found = std::find(info.steps.begin(), info.steps.end(), call.index);
    if (call.first_evaluation && found != info.steps.end()) {
      some = true;
      check_recorded(item, info, call, info.sigmas[found - info.steps.begin()], steps.plans[i].guided);
      continue;
    }
    if (call.first_evaluation && item.control->when.unit != Window::Unit::always)
      refuse(item.path + ".when",
             fmt::format("step {} was not recorded; it holds steps {}", call.index, ranges(info.steps)));
    item.calls[i] = false, item.numbers_at[i] = -1;
  }
  if (!some)
    refuse(item.path + ".recording",
           fmt::format("it holds no step of this run; it holds steps {}", ranges(info.steps)));
}

}  // namespace

void settle_recording(CaptureSpec& spec, const Context& context, const StepInputs& steps) {
  const auto& control = context.controls[spec.control];
  const auto path = context.path_of(spec.control);
  if (!control.heads.empty()) refuse(path + ".heads", "a recording holds all heads; leave it out");
  if (context.inputs.batch > 1 && control.images.size() != 1)
    refuse(path + ".images", "a recording holds one image; expected the index of one, such as [0]");
  if (spec.images.empty()) spec.images = {0};
  int calls = 0, guided_calls = 0;
  for (size_t i = 0; i < spec.calls.size(); ++i) {
    if (!context.inputs.calls[i].first_evaluation) spec.calls[i] = false;
    if (!spec.calls[i]) continue;
    ++calls, guided_calls += steps.plans[i].guided;
  }
  if (calls == 0) refuse(path + ".when", "it meets second calls of a step only, which are not recorded");
  if (spec.rows == Rows::cond || guided_calls == calls) return;
  if (guided_calls == 0 && !control.rows) {
    spec.rows = Rows::cond;
    return;
  }
  refuse(path + ".rows", guided_calls == 0
                             ? "no negative prompt is read while it records: there is no guidance; expected rows cond"
                             : "there is guidance at some of its steps only; expected rows cond, or a window of steps "
                               "that all have guidance");
}

void narrow_to_recording(Placed& item, const Context& context, const StepInputs& steps) {
  const auto& in = context.inputs;
  const auto& info = in.recordings[*item.effect->recording()];
  if (info.latent_height != in.latent_height || info.latent_width != in.latent_width)
    refuse(item.path + ".recording",
           fmt::format("it was recorded at a latent size of {}x{}; this run's is {}x{}", info.latent_width,
                       info.latent_height, in.latent_width, in.latent_height));
  narrow_layers(item, info, in.sites);
  narrow_calls(item, info, in.calls, steps);
}

}  // namespace corepulse::control
