// Recordings: what a capture of keys holds, and which layers, steps and rows of one a share may read.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "control/program/resolver.h"
#include "control/quote.h"

namespace corepulse::control {
namespace {

constexpr double kSameSigma = 1e-3;  // relative: schedules that agree but for rounding

/** "0..4, 7". */
std::string ranges(const std::vector<int>& steps) {
  std::string text;
  for (size_t i = 0; i < steps.size(); ++i) {
    const size_t first = i;
    while (i + 1 < steps.size() && steps[i + 1] == steps[i] + 1) ++i;
    text += (text.empty() ? "" : ", ") + std::to_string(steps[first]);
    if (i > first) text += ".." + std::to_string(steps[i]);
  }
  return text;
}

}  // namespace

void Resolver::settle_recording(CaptureSpec& spec, const corepulse::Control& control, const std::string& path) const {
  if (!control.heads.empty()) refuse(path + ".heads", "a recording holds all heads; leave it out");
  if (inputs_.batch > 1 && control.images.size() != 1)
    refuse(path + ".images", "a recording holds one image; expected the index of one, such as [0]");
  if (spec.images.empty()) spec.images = {0};
  int calls = 0, guided_calls = 0;
  for (size_t i = 0; i < spec.calls.size(); ++i) {
    if (!inputs_.calls[i].first_evaluation) spec.calls[i] = false;
    if (!spec.calls[i]) continue;
    ++calls, guided_calls += guided(static_cast<int>(i));
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

void Resolver::narrow_to_recording(Placed& item) const {
  const auto* share = std::get_if<Share>(&item.control->effect);
  if (!share || share->image) return;
  const auto& info = *std::find_if(inputs_.recordings.begin(), inputs_.recordings.end(),
                                   [&](const RecordingInfo& r) { return r.name == share->recording; });
  if (info.latent_height != inputs_.latent_height || info.latent_width != inputs_.latent_width)
    refuse(item.path + ".recording",
           fmt::format("it was recorded at a latent size of {}x{}; this run's is {}x{}", info.latent_width,
                       info.latent_height, inputs_.latent_width, inputs_.latent_height));
  narrow_layers(item, info);
  narrow_calls(item, info);
}

// What a control names must have been recorded; where it names nothing it acts on what was.
void Resolver::narrow_layers(Placed& item, const RecordingInfo& info) const {
  for (size_t i = 0; i < item.sites.size(); ++i) {
    const auto& path = inputs_.sites[i].path;
    if (!item.sites[i] || std::find(info.sites.begin(), info.sites.end(), path) != info.sites.end()) continue;
    if (!item.control->where.empty())
      refuse(item.path + ".where",
             fmt::format("{} was not recorded; it holds {} layers; expected some of them, or no where for all", path,
                         info.sites.size()));
    item.sites[i] = false;
  }
}

void Resolver::narrow_calls(Placed& item, const RecordingInfo& info) const {
  bool some = false;
  for (size_t i = 0; i < item.calls.size(); ++i) {
    if (!item.calls[i]) continue;
    const auto& call = inputs_.calls[i];
    const auto found = std::find(info.steps.begin(), info.steps.end(), call.index);
    if (!call.first_evaluation || found == info.steps.end()) {
      if (call.first_evaluation && item.control->when.unit != Window::Unit::always)
        refuse(item.path + ".when",
               fmt::format("step {} was not recorded; it holds steps {}", call.index, ranges(info.steps)));
      item.calls[i] = false, item.numbers_at[i] = -1;
      continue;
    }
    some = true;
    const double sigma = info.sigmas[found - info.steps.begin()];
    if (!(std::abs(sigma - call.sigma) <= kSameSigma * call.sigma))
      refuse(item.path + ".recording",
             fmt::format("step {} was recorded at sigma {}; this run's is {}; expected the same steps and schedule",
                         call.index, number(sigma), number(call.sigma)));
    const bool both = item.takes_row(false) && guided(static_cast<int>(i));
    if ((item.takes_row(true) && !info.conditional) || (both && !info.unconditional))
      refuse(item.path + ".rows",
             fmt::format("only the {} row was recorded; expected rows {}",
                         info.conditional ? "prompt's" : "negative prompt's", info.conditional ? "cond" : "uncond"));
  }
  if (!some)
    refuse(item.path + ".recording",
           fmt::format("it holds no step of this run; it holds steps {}", ranges(info.steps)));
}

}  // namespace corepulse::control
