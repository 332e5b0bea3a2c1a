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

Network& Networks::at(const control::WeightChanges& weights, size_t sets) {
  const auto most = std::max(sets, kVariants);
  auto found = std::find_if(changed_.begin(), changed_.end(), [&](const auto& c) { return c.weights == weights; });
  if (found == changed_.end()) {
    while (changed_.size() >= most) changed_.pop_back();
    changed_.push_front({weights, nullptr, {}, nullptr});
    found = changed_.begin();
  }
  changed_.splice(changed_.begin(), changed_, found);
  auto& changed = changed_.front();
  // Asked for each time, so that it forgets what this forgets.
  auto model = model_.variants.with(weights, prepared_.adapters, *model_.own, parts_, model_.precision, most);
  if (model != changed.model) {
    changed.network.reset(), changed.texts.clear();
    changed.model = std::move(model);
    changed.network = std::make_unique<Network>(changed.model->unet, keeps_texts(weights) ? own_texts_ : changed.texts);
  }
  // An edit of the controls may have brought texts.
  if (!keeps_texts(weights))
    encode_texts(*changed.model, prepared_.control.texts(), prepared_.resolved.recipe, changed.texts,
                 prepared_.words.get());
  return *changed.network;
}

}  // namespace corepulse::pipeline
