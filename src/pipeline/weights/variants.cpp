#include "pipeline/weights/variants.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <numeric>

#include "mlx/memory.h"

#include "control/program/program_data.h"
#include "control/quote.h"
#include "pipeline/forecast/estimate.h"
#include "pipeline/weights/beside.h"

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
    if (strength == 0) continue;
    for (const auto& [tensor, delta] : deltas_of(part, change, files)) added[tensor].push_back({delta, strength});
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

/** visit(step, held) each time that a run merges weights; held are the sets that are in memory then. */
template <class Visit>
void each_merge(const control::Timeline& control, const Visit& visit) {
  std::vector<WeightChanges> held;
  for (const auto& call : control.programs().front().second.data().calls) {
    const auto sets = weights_of_rows(control, call);
    for (const auto& changes : sets) {
      const auto weights = merged_of(changes);
      const auto found = std::find(held.begin(), held.end(), weights);
      if (found != held.end()) {
        std::rotate(held.begin(), found, found + 1);
      } else if (!weights.empty()) {
        if (const auto most = std::max(kVariants, sets.size()); held.size() >= most) held.resize(most - 1);
        held.insert(held.begin(), weights);
        visit(call.index, held);
      }
    }
  }
}

}  // namespace

Deltas deltas_of(Part part, const WeightChange& change, const AdapterFiles& files) {
  Deltas deltas;
  const auto& all = files.at(static_cast<size_t>(change.adapter))->content.deltas;
  const auto found = all.find(name(part));
  if (found == all.end()) return deltas;
  for (const auto& [tensor, delta] : found->second)
    if (part != Part::unet || !change.layers || change.layers->contains(tensor.substr(0, tensor.rfind('.'))))
      deltas.emplace(tensor, delta);
  return deltas;
}

std::vector<WeightChanges> weights_of_rows(const control::Timeline& control, const control::Step& call) {
  const auto plan = control.step(call);
  std::vector<int> images(static_cast<size_t>(control.at(call.index).data().batch));
  std::iota(images.begin(), images.end(), 0);
  std::vector<WeightChanges> sets;
  for (const auto& row : plan.rows(images))
    if (auto weights = plan.weights_of(row); std::find(sets.begin(), sets.end(), weights) == sets.end())
      sets.push_back(std::move(weights));
  return sets;
}

bool Variants::Change::operator==(const Change& other) const {
  const bool everywhere = !layers || !other.layers;
  return sha256 == other.sha256 && dora == other.dora && strength == other.strength &&
         text_strength == other.text_strength && (everywhere ? layers == other.layers : *layers == *other.layers);
}

bool Variants::Change::same_unet(const Change& other) const {
  auto of_unet = other;
  of_unet.text_strength = text_strength;
  return *this == of_unet;
}

std::shared_ptr<const model::Model> Variants::with(const WeightChanges& changes, const AdapterFiles& files,
                                                   const model::Model& model, const model::Parts& parts,
                                                   model::Precision precision, size_t most) {
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
  // Where only the strength of the text encoders moves, the UNet is one that is held.
  const auto kin = std::find_if(variants_.begin(), variants_.end(), [&](const Variant& v) {
    return std::equal(v.changes.begin(), v.changes.end(), wanted.begin(), wanted.end(),
                      [](const Change& a, const Change& b) { return a.same_unet(b); });
  });
  auto base = model;
  auto merged = changes;
  if (kin != variants_.end()) {
    base.unet = kin->model->unet;
    for (auto& change : merged) change.strength = 0;
  }
  while (variants_.size() >= most) variants_.pop_back();
  const auto require = [bytes = changed_bytes(merged, files, parts, precision)] {
    require_memory("the model's weights with LoRAs", bytes);
  };
  try {
    require();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    variants_.remove_if([](const Variant& v) { return v.model.use_count() == 1; });  // no call of this run's needs it
    mx::clear_cache();
    require();
  }
  variants_.push_front({std::move(wanted), changed_model(merged, files, base, parts, precision)});
  return variants_.front().model;
}

std::shared_ptr<const model::Model> changed_model(const WeightChanges& changes, const AdapterFiles& files,
                                                  const model::Model& model, const model::Parts& parts,
                                                  model::Precision precision) {
  return model::changed(model, parts, precision, additions(changes, files, parts));
}

WeightChanges merged_of(const WeightChanges& changes) {
  WeightChanges merged;
  std::copy_if(changes.begin(), changes.end(), std::back_inserter(merged),
               [](const WeightChange& change) { return change.region.empty(); });
  return merged;
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

namespace {

/** Of sets that are held together; those that change the UNet alike share it. */
uint64_t held_bytes(const std::vector<WeightChanges>& held, const AdapterFiles& files, const model::Parts& parts,
                    model::Precision precision) {
  uint64_t bytes = 0;
  std::vector<WeightChanges> unets;
  for (auto weights : held) {
    auto unet = weights;
    for (auto& change : unet) change.text_strength = 0;
    if (std::find(unets.begin(), unets.end(), unet) == unets.end())
      unets.push_back(std::move(unet));
    else
      for (auto& change : weights) change.strength = 0;
    bytes += changed_bytes(weights, files, parts, precision);
  }
  return bytes;
}

/** The most that is made, and let go again, for texts that text encoders with changes of their own read. */
uint64_t texts_bytes(const control::Timeline& control, const AdapterFiles& files, const model::Parts& parts,
                     model::Precision precision) {
  uint64_t most = 0;
  for (const auto& text : control.texts())
    if (!text.changes.empty()) most = std::max(most, changed_bytes(text.changes, files, parts, precision));
  return most;
}

}  // namespace

uint64_t most_changed_bytes(const control::Timeline& control, const AdapterFiles& files, const model::Parts& parts,
                            model::Precision precision) {
  uint64_t most = 0;
  each_merge(control, [&](int, const std::vector<WeightChanges>& held) {
    most = std::max(most, held_bytes(held, files, parts, precision));
  });
  return most + beside_bytes(control, files, parts, precision) + texts_bytes(control, files, parts, precision);
}

uint64_t added_bytes(const control::Timeline& now, const control::Program& edit, const AdapterFiles& files,
                     const model::Parts& parts, model::Precision precision) {
  std::vector<WeightChanges> known;
  each_merge(now, [&](int, const auto& held) { known.push_back(held.front()); });
  const control::Timeline edited(edit);
  uint64_t most = 0;
  each_merge(edited, [&](int, const std::vector<WeightChanges>& held) {
    uint64_t bytes = 0;
    for (const auto& weights : held)
      if (std::find(known.begin(), known.end(), weights) == known.end())
        bytes += changed_bytes(weights, files, parts, precision);
    most = std::max(most, bytes);
  });
  return most + beside_bytes(edited, files, parts, precision, &now);
}

std::vector<std::string> merge_notes(const control::Timeline& control) {
  std::vector<int> steps;
  each_merge(control, [&](int step, const auto&) { steps.push_back(step); });
  const auto merges = steps.size();
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  if (steps.size() < 2) return {};
  return {
      fmt::format("LoRAs are merged into the weights {} times, in steps {}; each takes about as long as loading the "
                  "layers that they change{}",
                  merges, control::ranges(steps),
                  steps.size() > kVariants ? "; a constant strength, or two windows, would need less" : "")};
}

}  // namespace corepulse::pipeline
