#include "pipeline/features.h"

#include <algorithm>
#include <map>

#include "attention/keys.h"

namespace corepulse::pipeline {
namespace {

using control::FeatureMix;
using unet::CallInputs;

/** The recorded features of the rows that take some, [B, h, w, C]; zeros for the others. */
mx::array recorded(const FeatureMix& mix, const control::Site& resnet, const FeatureCall& call,
                   const attention::Recordings& recordings) {
  const auto grid = control::grid(resnet, call.latent_height, call.latent_width);
  const auto read = [&](const control::Row& row) {
    const auto x = recordings(mix.source.id, resnet, call.step, row);
    return mx::reshape(x, {1, grid.height, grid.width, x.shape(2)});
  };
  std::map<bool, mx::array> found;  // a recording is the same to all rows of the prompt's kind, whatever their image
  for (const auto& row : call.step.rows)
    if (mix.has(row) && !found.contains(row.conditional())) found.emplace(row.conditional(), read(row));
  std::vector<mx::array> all;
  for (const auto& row : call.step.rows)
    all.push_back(mix.has(row) ? found.at(row.conditional()) : mx::zeros_like(found.begin()->second));
  return mx::concatenate(all, 0);
}

/** How much of each row, and there of each pixel, is the other's: [B, 1, 1, 1] or [B, h, w, 1]. */
mx::array share_of(const FeatureMix& mix, size_t resnet, const FeatureCall& call) {
  const auto& rows = call.step.rows;
  std::vector<float> shares;
  for (const auto& row : rows) {
    const float strength = mix.has(row) ? mix.strength : 0;
    if (mix.region.empty()) shares.push_back(strength);
    for (size_t i = 0; !mix.region.empty() && i < mix.region[resnet]->size(); ++i)
      shares.push_back(strength * (*mix.region[resnet])[i]);
  }
  const auto grid = control::grid(call.resnets[resnet], call.latent_height, call.latent_width);
  const int height = mix.region.empty() ? 1 : grid.height, width = mix.region.empty() ? 1 : grid.width;
  return mx::array(shares.begin(), {static_cast<int>(rows.size()), height, width, 1}, mx::float32);
}

/** By row, whose features of this call it takes: its own where it takes none. */
std::vector<int> takes_from(const FeatureMix& mix, const control::Step& step) {
  std::vector<int> from;
  for (int r = 0; r < static_cast<int>(step.rows.size()); ++r)
    from.push_back(mix.has(step.rows[static_cast<size_t>(r)]) ? attention::row_of(mix.source, step, r) : r);
  return from;
}

}  // namespace

std::vector<unet::CallInputs::Gain> gains_of(const control::StepPlan& plan, const std::vector<control::Row>& rows) {
  std::vector<unet::CallInputs::Gain> all;
  for (const auto& features : plan.features)
    for (size_t joint = 0; joint < features.backbone.size(); ++joint) {
      unet::CallInputs::Gain gain{static_cast<int>(joint), features.by_mean};
      const auto by_row = [&](float number) -> std::optional<mx::array> {
        std::vector<float> numbers;
        for (const auto& row : rows) numbers.push_back(features.has(row) ? number : 1);
        if (std::all_of(numbers.begin(), numbers.end(), [](float n) { return n == 1; })) return {};
        return mx::array(numbers.begin(), {static_cast<int>(rows.size()), 1, 1, 1}, mx::float32);
      };
      gain.backbone = by_row(features.backbone[joint]), gain.skip = by_row(features.skip[joint]);
      if (gain.backbone || gain.skip) all.push_back(std::move(gain));
    }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.joint < b.joint; });
  return all;
}

std::vector<CallInputs::Mix> mixes_of(const control::StepPlan& plan, const FeatureCall& call,
                                      const attention::Recordings& recordings) {
  std::vector<CallInputs::Mix> all;
  for (const auto& mix : plan.mixes) {
    const auto& rows = call.step.rows;
    if (std::none_of(rows.begin(), rows.end(), [&](const auto& row) { return mix.has(row); })) continue;
    for (size_t i = 0; i < mix.resnets.size(); ++i) {
      if (!mix.resnets[i]) continue;
      CallInputs::Mix made{.resnet = static_cast<int>(i), .share = share_of(mix, i, call)};
      if (mix.source.kind == control::Source::Kind::recording)
        made.recorded = recorded(mix, call.resnets[i], call, recordings);
      else
        made.from = takes_from(mix, call.step);
      all.push_back(std::move(made));
    }
  }
  return all;
}

}  // namespace corepulse::pipeline
