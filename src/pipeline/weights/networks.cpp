#include "pipeline/weights/networks.h"

#include <algorithm>

#include "control/program/program_data.h"

namespace corepulse::pipeline {

namespace {

/** Whether the changes leave the text encoders as they are. */
bool keeps_texts(const control::WeightChanges& changes) {
  return std::all_of(changes.begin(), changes.end(), [](const auto& change) { return change.text_strength == 0; });
}

}  // namespace

bool reads_own_texts(const control::Timeline& control) {
  const auto& calls = control.programs().front().second.data().calls;
  return std::any_of(calls.begin(), calls.end(), [&](const auto& call) {
    const auto sets = weights_of_rows(control, call);
    return std::any_of(sets.begin(), sets.end(), keeps_texts);
  });
}

void encode_texts(const LoadedModel& loaded, const model::Model& model, const control::WeightChanges& changes,
                  const model::Parts& parts, const Prepared& prepared, std::vector<EncodedText>& texts) {
  const auto changed = [&](const control::WeightChanges& more) {
    auto all = changes;
    for (auto& change : all) change.strength = 0;  // of the text encoders alone
    all.insert(all.end(), more.begin(), more.end());
    return changed_model(all, prepared.adapters, *loaded.own, parts, loaded.precision);
  };
  encode_texts(model, prepared.control.texts(), prepared.resolved.recipe, texts, prepared.words.get(), changed,
               changes.empty() ? &loaded.texts : nullptr);
}

Networks::Changed& Networks::held(const control::WeightChanges& weights, size_t most) {
  auto key = weights;
  for (auto& change : key)
    if (!change.region.empty()) change.strength = 0;
  auto found = std::find_if(changed_.begin(), changed_.end(), [&](const auto& c) { return c.weights == key; });
  if (found == changed_.end()) {
    while (changed_.size() >= most) changed_.pop_back();
    changed_.push_front({std::move(key), nullptr, {}, nullptr});
    found = changed_.begin();
  }
  changed_.splice(changed_.begin(), changed_, found);
  return changed_.front();
}

Network& Networks::at(const control::WeightChanges& weights, const control::Step& call) {
  const auto sets = weights_of_rows(prepared_.control, call);
  const auto most = std::max(sets.size(), kVariants);
  const auto merged = merged_of(weights);
  auto& changed = held(weights, most);
  // Asked for each time, so that it forgets what this forgets.
  auto model = merged.empty()
                   ? model_.own
                   : model_.variants.with(merged, prepared_.adapters, *model_.own, parts_, model_.precision, most);
  if (model != changed.model) {
    changed.network.reset(), changed.texts.clear();
    changed.model = std::move(model);
    changed.network = std::make_unique<Network>(changed.model->unet, keeps_texts(merged) ? own_texts_ : changed.texts);
  }
  // An edit of the controls may have brought texts.
  if (!keeps_texts(merged)) encode_texts(model_, *changed.model, merged, parts_, prepared_, changed.texts);
  for (auto& other : changed_)  // their calls are over: what only they hold beside the weights goes
    if (other.network) other.network->beside.reset();
  if (merged.size() < weights.size()) changed.network->beside = beside_.of(weights, sets, prepared_.adapters, parts_);
  return *changed.network;
}

}  // namespace corepulse::pipeline
