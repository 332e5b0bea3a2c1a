#include "control/plan.h"

#include <algorithm>

namespace corepulse::control {
namespace {

/** Nothing goes in but the picture and texts, and nothing goes out but the result. */
bool closed(const AttentionPlan& plan) {
  const auto fixed = [](const Reading& reading) {
    return reading.function < 0 && std::none_of(
                                       reading.sources.begin(), reading.sources.end(),
                                       [](const Source& s) { return s.kind == Source::Kind::recording; });
  };
  return plan.captures.empty() && !plan.looks &&
         std::all_of(plan.rows.begin(), plan.rows.end(),
                     [&](const auto& readings) { return std::all_of(readings.begin(), readings.end(), fixed); });
}

bool takes(const Row& row, bool negative, bool prompt, const std::vector<int>& images) {
  return (row.conditional() ? prompt : negative) &&
         (images.empty() || std::find(images.begin(), images.end(), row.image) != images.end());
}

/** But for the strength of what stands beside them, which is a number that calls are given. */
bool same_weights(WeightChanges before, WeightChanges now) {
  for (auto* changes : {&before, &now})
    for (auto& change : *changes)
      if (!change.region.empty()) change.strength = 0;
  return before == now;
}

/** Whether the same features are changed in the same rows, by whatever numbers. */
bool same_form(const FeatureGains& a, const FeatureGains& b) {
  const auto same = [](const std::vector<float>& one, const std::vector<float>& other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](float x, float y) { return (x == 1) == (y == 1); });
  };
  return a.by_mean == b.by_mean && a.negative == b.negative && a.prompt == b.prompt && a.images == b.images &&
         same(a.backbone, b.backbone) && same(a.skip, b.skip);
}

/** Whether the same resnets are given others' features in the same rows, by whatever numbers. */
bool same_form(const FeatureMix& a, const FeatureMix& b) {
  return a.source == b.source && a.resnets == b.resnets && a.region.empty() == b.region.empty() &&
         a.negative == b.negative && a.prompt == b.prompt && a.images == b.images;
}

/** Whether features are changed alike, and nobody watches them. */
bool same_features(const StepPlan& a, const StepPlan& b) {
  const auto same = [](const auto& x, const auto& y) { return same_form(x, y); };
  return a.watched.empty() && b.watched.empty() &&
         std::equal(a.features.begin(), a.features.end(), b.features.begin(), b.features.end(), same) &&
         std::equal(a.mixes.begin(), a.mixes.end(), b.mixes.begin(), b.mixes.end(), same);
}

}  // namespace

bool BlurredCall::operator==(const BlurredCall& other) const {
  return control == other.control && scale == other.scale && sigma == other.sigma && threshold == other.threshold &&
         sites == other.sites && images == other.images;
}

bool FeatureGains::has(const Row& row) const {
  return takes(row, negative, prompt, images);
}

bool FeatureMix::has(const Row& row) const {
  return takes(row, negative, prompt, images) && (source.kind != Source::Kind::image || source.id != row.image);
}

std::vector<Row> StepPlan::rows(const std::vector<int>& for_images) const {
  std::vector<Row> all;
  if (guided)
    for (const int image : for_images) all.push_back({image, kNegative});
  for (const int image : for_images) all.push_back({image, kPrompt});
  for (const auto& row : further)
    for (const int image : for_images)
      if (row.has(image)) all.push_back({image, row.role});
  return all;
}

bool WeightChange::operator==(const WeightChange& other) const {
  const bool everywhere = !layers || !other.layers;
  return adapter == other.adapter && strength == other.strength && text_strength == other.text_strength &&
         (everywhere ? layers == other.layers : *layers == *other.layers) && region == other.region &&
         (region.empty() || control == other.control);
}

bool RowChange::has(const Row& row) const {
  return takes(row, negative, prompt, images);
}

WeightChanges StepPlan::weights_of(const Row& row) const {
  WeightChanges changes;
  for (const auto& one : weights)
    if (one.has(row)) changes.push_back(one.change);
  return changes;
}

bool SideCall::has(const Row& row) const {
  return takes(row, negative, prompt, images);
}

bool FurtherRow::has(int image) const {
  return std::find(images.begin(), images.end(), image) != images.end();
}

TextId StepPlan::text_of(const Row& row) const {
  if (row.role == kNegative) return negative;
  for (const auto& one : further)
    if (one.role == row.role && one.kind != FurtherRow::Kind::perturbed) return one.text;
  return prompts.empty() ? 0 : prompts[static_cast<size_t>(row.image)];
}

bool alike(const Control& control, const std::vector<Site>& sites, const Step& a, const Step& b) {
  if (a.rows != b.rows) return false;
  const auto before_all = control.step(a), now_all = control.step(b);
  const bool weights_alike = std::all_of(a.rows.begin(), a.rows.end(), [&](const Row& row) {
    return same_weights(before_all.weights_of(row), now_all.weights_of(row));
  });
  return weights_alike && same_features(before_all, now_all) &&
         std::all_of(sites.begin(), sites.end(), [&](const Site& site) {
           const auto before = control.plan(site, a), now = control.plan(site, b);
           return before.rows == now.rows && before.finishes == now.finishes && before.orders == now.orders &&
                  closed(before) && closed(now);
         });
}

}  // namespace corepulse::control
