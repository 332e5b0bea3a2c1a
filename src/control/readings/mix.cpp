#include "control/readings/mix.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::control {
namespace {

constexpr size_t kMostReadings = 64;

void multiply(std::vector<double>& gains, const std::vector<double>& by) {
  if (gains.empty()) gains.assign(by.size(), 1);
  for (size_t i = 0; i < by.size(); ++i) gains[i] *= by[i];
}

bool all_are(const std::vector<double>& values, double value) {
  return std::all_of(values.begin(), values.end(), [=](double v) { return v == value; });
}

/** Equal ones become one; those without a share, and numbers that say nothing, go. */
void merge(std::vector<Draft>& readings) {
  std::vector<Draft> merged;
  for (auto& r : readings) {
    if (r.share.is(0)) continue;
    if (!r.bias.empty() && std::isfinite(r.bias[0]) && all_are(r.bias, r.bias[0])) r.bias.clear();
    if (all_are(r.key_gain, 1)) r.key_gain.clear();
    if (all_are(r.value_gain, 1)) r.value_gain.clear();
    const auto same = std::find_if(merged.begin(), merged.end(), [&](const Draft& m) { return m.reads_same(r); });
    if (same == merged.end())
      merged.push_back(std::move(r));
    else
      same->share = same->share + r.share;
  }
  readings = std::move(merged);
  const auto sharing = [](const Draft& r) { return !r.added; };
  // Shares sum to 1, whatever was rounded.
  if (std::count_if(readings.begin(), readings.end(), sharing) == 1)
    std::find_if(readings.begin(), readings.end(), sharing)->share = {};
}

/** A change as replace() takes it. */
std::function<std::vector<Draft>(const Draft&)> edit_of(const std::function<bool(Draft&)>& change) {
  return [&change](const Draft& old) {
    std::vector<Draft> edited{old};
    if (!change(edited[0])) edited.clear();
    return edited;
  };
}

}  // namespace

void Draft::weigh(const std::vector<double>& weights) {
  // With p the attention to keys, values get q = p M. That q_j becomes s_j q_j / sum(s q) is a matter of keys and M:
  // keys are weighed by w_i = sum_j M_ij s_j, and M_ij becomes M_ij s_j / w_i; what a row of M leaves out weighs 1.
  const size_t count = weights.size();
  std::vector<double> of_keys = map.empty() ? weights : std::vector<double>(map.size() / count, 1);
  for (size_t i = 0; i < map.size(); ++i) of_keys[i / count] += map[i] * (weights[i % count] - 1);
  for (size_t i = 0; i < map.size(); ++i) {
    auto& w = of_keys[i / count];
    if (w < 1e-12) w = 0;  // what is left of 1 less 1
    map[i] = w == 0 ? 0 : map[i] * weights[i % count] / w;
  }
  if (bias.empty()) bias.assign(of_keys.size(), 0);
  for (size_t i = 0; i < of_keys.size(); ++i) bias[i] += std::log(of_keys[i]);
}
void Draft::scale_keys(const std::vector<double>& gains) {
  multiply(key_gain, gains);
}
void Draft::scale_values(const std::vector<double>& gains) {
  multiply(value_gain, gains);
}

void Draft::soften(double t) {
  temperature *= t;
  if (std::isinf(t)) bias.clear(), key_gain.clear();  // every logit is 0: they say nothing
  for (auto& b : bias) b /= t;
}

bool Draft::reads_same(const Draft& o) const {
  return sources == o.sources && bias == o.bias && key_gain == o.key_gain && value_gain == o.value_gain &&
         temperature == o.temperature && function == o.function && query == o.query && blur == o.blur &&
         align == o.align && align_values == o.align_values && values == o.values && map == o.map &&
         identity == o.identity && added == o.added && beside == o.beside;
}

bool Draft::bars_every_key(const Part& part) const {
  return !bias.empty() && all_are(bias, -INFINITY) && !(share * part).is(0);
}

Mix::Mix(Draft own, bool elide, Budget& budget) : readings_{std::move(own)}, elide_(elide), budget_(&budget) {}

void Mix::append(const std::vector<Draft>& fresh, const Part& taken) {
  const Part kept = 1 - taken;
  for (auto& reading : readings_) reading.share = reading.share * kept;
  readings_.insert(readings_.end(), fresh.begin(), fresh.end());
  settle(readings_);
}

void Mix::add(Draft beside) {
  beside.added = true;
  readings_.push_back(std::move(beside));
  settle(readings_);
}

void Mix::edit(const Part& part, const std::function<bool(Draft&)>& change) {
  replace(part, edit_of(change));
}

void Mix::edit_all(const Part& part, const std::function<bool(Draft&)>& change) {
  edit(part, change);
  for (auto& finish : finishes_) replace(finish.against, part, edit_of(change));
}

void Mix::replace(std::vector<Draft>& readings, const Part& part, const Change& change) const {
  std::vector<Draft> all;
  for (auto& reading : readings) {
    auto fresh = change(reading);
    for (auto& draft : fresh) draft.share = reading.share * part, draft.added |= reading.added;
    if (!fresh.empty()) reading.share = reading.share * (1 - part);
    if (fresh.empty() || !elide_ || !part.is(1)) all.push_back(std::move(reading));
    for (auto& draft : fresh) all.push_back(std::move(draft));
  }
  readings = std::move(all);
  settle(readings);
}

void Mix::finish(FinishDraft finish) {
  if (elide_ && (finish.scale == 0 || finish.share.is(0))) return;
  budget_->spend(finish.share.values.size());
  finishes_.push_back(std::move(finish));
}

void Mix::settle(std::vector<Draft>& readings) const {
  size_t numbers = 1;
  for (const auto& r : readings)
    numbers += r.share.values.size() + r.bias.size() + r.key_gain.size() + r.value_gain.size() + r.map.size();
  budget_->spend(numbers);
  if (elide_) merge(readings);
  if (readings.size() > kMostReadings)
    fail(ErrorCode::invalid_request, "controls",
         fmt::format("more than {} readings of one row at one layer; use fewer prompts, regions or "
                     "fractional strengths",
                     kMostReadings));
}

}  // namespace corepulse::control
