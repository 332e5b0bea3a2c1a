#include "control/program/recording.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "control/quote.h"
#include "control/recipe/words.h"

namespace corepulse::control {
namespace {

constexpr double kSameSigma = 1e-3;  // relative: schedules that agree but for rounding

// What a control names must have been recorded; where it names nothing it acts on what was.
void narrow_layers(const RecordingReader& reader, const RecordingInfo& info, const std::vector<Site>& sites,
                   std::vector<bool>& chosen) {
  const auto recorded = [&](const Site& site) {
    return std::find(info.sites.begin(), info.sites.end(), site.path) != info.sites.end();
  };
  const bool features = reader.what == Capture::What::features;
  if (std::none_of(sites.begin(), sites.end(), recorded))
    refuse(reader.path + ".recording",
           fmt::format("it holds {}; expected what a capture of {} records",
                       features ? "no features of resnets" : "nothing of self-attention", name_of(reader.what)));
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (!chosen[i] || recorded(sites[i])) continue;
    if (!reader.control.where.empty())
      refuse(reader.path + ".where",
             fmt::format("{} was not recorded; it holds {} {}; expected some of them, or no where for all",
                         sites[i].path, info.sites.size(), features ? "resnets" : "layers"));
    chosen[i] = false;
  }
}

// That the call is as it was recorded.
void check_recorded(const RecordingReader& reader, const RecordingInfo& info, const Step& call, double sigma,
                    bool guided) {
  if (!(std::abs(sigma - call.sigma) <= kSameSigma * call.sigma))
    refuse(reader.path + ".recording",
           fmt::format("step {} was recorded at sigma {}; this run's is {}; expected the same steps and schedule",
                       call.index, number(sigma), number(call.sigma)));
  const bool prompt = reader.rows != Rows::uncond, negative = reader.rows != Rows::cond && guided;
  const bool serves = reader.any_row && info.conditional;  // every row, by the prompt's
  if (!serves && ((prompt && !info.conditional) || (negative && !info.unconditional)))
    refuse(reader.path + ".rows",
           fmt::format("only the {} row was recorded; expected rows {}",
                       info.conditional ? "prompt's" : "negative prompt's", info.conditional ? "cond" : "uncond"));
}

void narrow_calls(const RecordingReader& reader, const RecordingInfo& info, const std::vector<Step>& calls,
                  const StepInputs& steps, std::vector<bool>& chosen) {
  bool some = false;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (!chosen[i]) continue;
    const auto& call = calls[i];
    const auto found = std::find(info.steps.begin(), info.steps.end(), call.index);
    if (call.first_evaluation && found != info.steps.end()) {
      some = true;
      check_recorded(reader, info, call, info.sigmas[found - info.steps.begin()], steps.plans[i].guided);
      continue;
    }
    if (call.first_evaluation && reader.control.when.unit != Window::Unit::always)
      refuse(reader.path + ".when",
             fmt::format("step {} was not recorded; it holds steps {}", call.index, ranges(info.steps)));
    chosen[i] = false;
  }
  if (!some)
    refuse(reader.path + ".recording",
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

void narrow_to_recording(const RecordingReader& reader, const RecordingInfo& info, const std::vector<Site>& layers,
                         ReadPlaces places, const Context& context, const StepInputs& steps) {
  const auto& in = context.inputs;
  if (info.latent_height != in.latent_height || info.latent_width != in.latent_width)
    refuse(reader.path + ".recording",
           fmt::format("it was recorded at a latent size of {}x{}; this run's is {}x{}; expected a recording of this "
                       "size, or a second_pass whose own controls are without it",
                       info.latent_width, info.latent_height, in.latent_width, in.latent_height));
  narrow_layers(reader, info, layers, places.layers);
  narrow_calls(reader, info, in.calls, steps, places.calls);
}

void narrow_to_recording(Placed& item, const Context& context, const StepInputs& steps) {
  const auto& in = context.inputs;
  const RecordingReader reader{
      .control = *item.control, .path = item.path, .rows = item.rows, .any_row = item.effect->any_row()};
  narrow_to_recording(reader, in.recordings[static_cast<size_t>(*item.effect->recording())], in.sites,
                      {item.sites, item.calls}, context, steps);
  for (size_t i = 0; i < item.calls.size(); ++i)
    if (!item.calls[i]) item.numbers_at[i] = -1;
}

}  // namespace corepulse::control
