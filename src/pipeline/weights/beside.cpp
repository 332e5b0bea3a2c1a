#include "pipeline/weights/beside.h"

#include <algorithm>
#include <map>
#include <utility>

#include "mlx/ops.h"

#include "control/program/program_data.h"
#include "nn/stored.h"
#include "pipeline/weights/variants.h"

namespace corepulse::pipeline {
namespace {

using control::WeightChange, control::WeightChanges;
using model::Part;

/** Curves make changes that are never asked for again. */
constexpr size_t kMostKept = 64;

using Deltas = std::map<std::string, std::shared_ptr<const adapters::Delta>>;

/** By tensor, what the change changes in the UNet. */
Deltas deltas_of(const WeightChange& change, const AdapterFiles& files) {
  Deltas deltas;
  const auto& all = files.at(static_cast<size_t>(change.adapter))->content.deltas;
  const auto found = all.find(name(Part::unet));
  if (found == all.end()) return deltas;
  for (const auto& [tensor, delta] : found->second)
    if (!change.layers || change.layers->contains(tensor.substr(0, tensor.rfind('.')))) deltas.emplace(tensor, delta);
  return deltas;
}

bool is_factored(const Deltas& deltas) {
  return std::all_of(deltas.begin(), deltas.end(), [](const auto& item) { return item.second->rank() > 0; });
}

/** The weight's and the bias's part of one layer. */
struct Layer {
  std::shared_ptr<const adapters::Delta> weight, bias;
  io::TensorView weight_view, bias_view;
};

/** A 1x1 convolution's as the matrix that it is. */
mx::array squeezed(const mx::array& x) {
  if (x.ndim() != 4 || x.shape(2) != 1 || x.shape(3) != 1) return x;
  return mx::reshape(x, {x.shape(0), x.shape(1)});
}

nn::BranchNumbers numbers_of(const Layer& layer, float strength) {
  nn::BranchNumbers numbers;
  const auto whole = [&](const adapters::Delta& delta, const io::TensorView& view) {
    return delta.difference(nn::original_of(view), strength);
  };
  if (layer.bias) numbers.bias = whole(*layer.bias, layer.bias_view);
  if (!layer.weight) return numbers;
  if (const auto factors = layer.weight->factors()) {
    numbers.first = squeezed(factors->down);
    numbers.up = factors->up * mx::array(strength);
  } else {
    numbers.first = squeezed(whole(*layer.weight, layer.weight_view));
  }
  return numbers;
}

std::shared_ptr<nn::LayerBranches> branches_of(const Deltas& deltas, const model::Parts& parts, float strength) {
  std::map<std::string, Layer> layers;
  const auto& tensors = parts.collection.networks.at(Part::unet).stored.tensors;
  for (const auto& [tensor, delta] : deltas) {
    auto& layer = layers[tensor.substr(0, tensor.rfind('.'))];
    const bool bias = tensor.ends_with(".bias");
    (bias ? layer.bias : layer.weight) = delta;
    (bias ? layer.bias_view : layer.weight_view) = tensors.at(tensor);
  }
  auto branches = std::make_shared<nn::LayerBranches>();
  for (auto& [path, layer] : layers)
    branches->emplace(path, std::make_shared<nn::LayerBranch>(
                                [layer = std::move(layer), strength] { return numbers_of(layer, strength); }));
  return branches;
}

/** Of every grid on which something is changed, by its number of tokens: the region times the strength. */
std::map<int, mx::array> shares_of(const WeightChange& change, float strength) {
  std::map<int, mx::array> shares;
  for (const auto& region : change.region) {
    if (std::all_of(region->begin(), region->end(), [](float v) { return v == 0; })) continue;
    std::vector<float> numbers(*region);
    for (auto& v : numbers) v *= strength;
    const int n = static_cast<int>(numbers.size());
    shares.emplace(n, mx::array(numbers.begin(), {n}, mx::float32));
  }
  return shares;
}

}  // namespace

const Beside::Kept& Beside::kept(const WeightChange& change, const AdapterFiles& files, const model::Parts& parts) {
  const auto same = [&](const Kept& kept) {
    auto wanted = change;
    wanted.region = kept.change.region, wanted.control = kept.change.control;
    if (!kept.scaled) wanted.strength = kept.change.strength;
    return kept.change == wanted;
  };
  auto found = std::find_if(kept_.begin(), kept_.end(), same);
  if (found == kept_.end()) {
    if (kept_.size() >= kMostKept) kept_.pop_back();
    const auto deltas = deltas_of(change, files);
    const bool scaled = !is_factored(deltas);
    kept_.push_front({change, branches_of(deltas, parts, scaled ? change.strength : 1), scaled});
    found = kept_.begin();
  }
  kept_.splice(kept_.begin(), kept_, found);
  return kept_.front();
}

nn::Branches Beside::of(const WeightChanges& changes, const AdapterFiles& files, const model::Parts& parts) {
  std::vector<nn::Branches::Change> all;
  for (const auto& change : changes) {
    if (change.region.empty()) continue;
    const auto& [of, layers, scaled] = kept(change, files, parts);
    const float strength = scaled ? 1 : change.strength;
    all.push_back({change.control, mx::array({strength}), shares_of(change, strength), layers});
  }
  return nn::Branches(std::move(all));
}

uint64_t beside_bytes(const control::Timeline& control, const AdapterFiles& files, const model::Parts& parts,
                      model::Precision precision) {
  WeightChanges counted;
  uint64_t bytes = 0;
  const auto& tensors = parts.collection.networks.at(Part::unet).stored.tensors;
  const auto count = [&](WeightChange change) {
    change.strength = 1, change.region.clear();
    if (std::find(counted.begin(), counted.end(), change) != counted.end()) return;
    for (const auto& [tensor, delta] : deltas_of(change, files)) {
      const auto& view = tensors.at(tensor);
      const uint64_t outputs = static_cast<uint64_t>(view.shape.at(0)), all = view.elements();
      const auto rank = static_cast<uint64_t>(delta->rank());
      bytes += (rank > 0 ? rank * (outputs + all / outputs) : all) * size_of(precision.dtype);
    }
    counted.push_back(std::move(change));
  };
  for (const auto& call : control.programs().front().second.data().calls)
    for (const auto& changes : weights_of_rows(control, call))
      for (const auto& change : changes)
        if (!change.region.empty()) count(change);
  return bytes;
}

}  // namespace corepulse::pipeline
