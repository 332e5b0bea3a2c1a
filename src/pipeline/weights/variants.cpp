#include "pipeline/weights/variants.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "control/program/program_data.h"
#include "control/quote.h"
#include "pipeline/forecast/estimate.h"

namespace corepulse::pipeline {
namespace {

using control::WeightChange, control::WeightChanges;
using model::Part;

/** What one file adds to a tensor. */
struct Added {
  std::shared_ptr<const adapters::Delta> delta;
  float strength;
};
using AddedTo = std::map<std::string, std::vector<Added>>;

/** By tensor, as adapters call them, what changes it. */
AddedTo added_in(Part part, const WeightChanges& changes, const AdapterFiles& files) {
  AddedTo added;
  for (const auto& change : changes) {
    const float strength = part == Part::unet ? change.strength : change.text_strength;
    const auto& deltas = files.at(static_cast<size_t>(change.adapter))->content.deltas;
    const auto found = deltas.find(name(part));
    if (strength == 0 || found == deltas.end()) continue;
    for (const auto& [tensor, delta] : found->second)
      if (part != Part::unet || !change.layers || change.layers->contains(tensor.substr(0, tensor.rfind('.'))))
        added[tensor].push_back({delta, strength});
  }
  return added;
}

/** All of it, one after the other; without MLX's operations, as nn::Addition wants it. */
mx::array sum_of(const std::vector<Added>& all, const mx::array& original) {
  auto sum = all[0].delta->difference(original, all[0].strength);
  for (size_t i = 1; i < all.size(); ++i) {
    const auto next = all[i].delta->difference(original, all[i].strength);
    for (size_t n = 0; n < sum.size(); ++n) sum.data<float>()[n] += next.data<float>()[n];
  }
  return sum;
}

model::Changes additions(const WeightChanges& changes, const AdapterFiles& files, const model::Parts& parts) {
  model::Changes all;
  for (const auto& [part, network] : parts.collection.networks) {
    if (part == Part::vae) continue;
    const auto added = added_in(part, changes, files);
    for (const auto& [tensor, view] : network.stored.tensors)
      if (const auto found = added.find(adapted_name(part, tensor)); found != added.end())
        all[part][tensor] = [of_tensor = found->second](const mx::array& x) { return sum_of(of_tensor, x); };
  }
  return all;
}

/** The weights of every call in order, without the model's own. */
std::vector<std::pair<int, WeightChanges>> weights_by_step(const control::Timeline& control) {
  std::vector<std::pair<int, WeightChanges>> all;
  for (const auto& call : control.programs().front().second.data().calls)
    if (auto weights = control.step(call).weights; !weights.empty()) all.emplace_back(call.index, std::move(weights));
  return all;
}

}  // namespace

bool Variants::Change::operator==(const Change& other) const {
  const bool everywhere = !layers || !other.layers;
  return sha256 == other.sha256 && dora == other.dora && strength == other.strength &&
         text_strength == other.text_strength && (everywhere ? layers == other.layers : *layers == *other.layers);
}

std::shared_ptr<const model::Model> Variants::with(const WeightChanges& changes, const AdapterFiles& files,
                                                   const model::Model& model, const model::Parts& parts,
                                                   model::Precision precision) {
  std::vector<Change> wanted;
  for (const auto& change : changes) {
    const auto& file = *files.at(static_cast<size_t>(change.adapter));
    wanted.push_back({file.sha256, file.info.dora, change.strength, change.text_strength, change.layers});
  }
  const auto found =
      std::find_if(variants_.begin(), variants_.end(), [&](const auto& v) { return v.changes == wanted; });
  if (found != variants_.end()) {
    variants_.splice(variants_.begin(), variants_, found);
    return variants_.front().model;
  }
  if (variants_.size() >= kVariants) variants_.pop_back();
  require_memory("the model's weights with LoRAs", changed_bytes(changes, files, parts, precision));
  variants_.push_front({std::move(wanted), model::changed(model, parts, precision, additions(changes, files, parts))});
  return variants_.front().model;
}

uint64_t changed_bytes(const WeightChanges& changes, const AdapterFiles& files, const model::Parts& parts,
                       model::Precision precision) {
  uint64_t bytes = 0;
  for (const auto& [part, network] : parts.collection.networks) {
    if (part == Part::vae) continue;
    const auto added = added_in(part, changes, files);
    for (const auto& [tensor, view] : network.stored.tensors)
      if (added.contains(adapted_name(part, tensor)))
        bytes += view.elements() * (part == Part::unet && precision.int8 ? 1 : size_of(precision.dtype));
  }
  return bytes;
}

uint64_t most_changed_bytes(const control::Timeline& control, const AdapterFiles& files, const model::Parts& parts,
                            model::Precision precision) {
  WeightChanges last;
  uint64_t before = 0, now = 0, most = 0;
  for (const auto& [step, weights] : weights_by_step(control)) {
    if (weights == last) continue;
    before = now, now = changed_bytes(weights, files, parts, precision);
    most = std::max(most, before + now);
    last = weights;
  }
  return most;
}

std::vector<std::string> merge_notes(const control::Timeline& control) {
  std::vector<WeightChanges> held;
  std::vector<int> steps;
  for (const auto& [step, weights] : weights_by_step(control)) {
    const auto found = std::find(held.begin(), held.end(), weights);
    if (found == held.end()) {
      steps.push_back(step);
      if (held.size() >= kVariants) held.pop_back();
      held.insert(held.begin(), weights);
    } else {
      std::rotate(held.begin(), found, found + 1);
    }
  }
  if (steps.size() < 2) return {};
  return {
      fmt::format("LoRAs are merged into the weights {} times, in steps {}; each takes about as long as loading the "
                  "layers that they change{}",
                  steps.size(), control::ranges(steps),
                  steps.size() > kVariants ? "; a constant strength, or two windows, would need less" : "")};
}

}  // namespace corepulse::pipeline
