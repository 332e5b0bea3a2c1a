#include "pipeline/weights/beside.h"

#include <algorithm>
#include <map>
#include <utility>

#include "mlx/ops.h"

#include "control/program/program_data.h"
#include "kernels/device.h"
#include "kernels/linear.h"
#include "nn/stored.h"
#include "pipeline/weights/variants.h"

namespace corepulse::pipeline {
namespace {

using control::WeightChange, control::WeightChanges;
using model::Part;

/** Curves make changes that are never asked for again. */
constexpr size_t kMostKept = 64;

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
                                [whole = std::move(layer), strength] { return numbers_of(whole, strength); }));
  return branches;
}

/** Of every grid on which something is changed, by its number of tokens: the region times the strength, or that alone
 * where the region is everything. */
std::map<int, mx::array> shares_of(const WeightChange& change, float strength) {
  std::map<int, mx::array> shares;
  for (const auto& region : change.region) {
    if (std::all_of(region->begin(), region->end(), [](float v) { return v == 0; })) continue;
    std::vector<float> numbers(*region);
    const int n = static_cast<int>(numbers.size());
    if (std::all_of(numbers.begin(), numbers.end(), [](float v) { return v == 1; })) numbers = {1};
    for (auto& v : numbers) v *= strength;
    shares.emplace(n, mx::array(numbers.begin(), {static_cast<int>(numbers.size())}, mx::float32));
  }
  return shares;
}

/** The same but for the strength and where it acts. */
bool same_but_strength(const WeightChange& a, WeightChange b) {
  b.strength = a.strength, b.region = a.region, b.control = a.control;
  return a == b;
}

/** A file's part that some call puts beside the weights. */
struct Counted {
  WeightChange change;
  bool scaled;      ///< As Beside::Kept is.
  uint64_t bytes;   ///< Of one,
  size_t held = 1;  ///< and as many as have different strengths in one call.
};

/** As how many layers of the same input a weight's is held once more, as one product (nn::Branches::joined). */
uint64_t joined_with(const std::string& tensor, int rank, const Deltas& deltas) {
  if (!kernels::on_cuda()) return 0;
  if (tensor.find(".attn1.to_") != std::string::npos) return tensor.find(".to_out.") == std::string::npos ? 3 : 0;
  const auto is_time = [](const std::string& name) { return name.ends_with(".time_emb_proj.weight"); };
  const auto hears = [&](const auto& item) { return is_time(item.first); };
  const auto all = is_time(tensor) ? std::count_if(deltas.begin(), deltas.end(), hears) : 0;
  return all * rank <= nn::Branches::kMostRanks ? static_cast<uint64_t>(all) : 0;
}

/** Numbers of two matrices between as many inputs and outputs, as they are packed. */
uint64_t numbers_of_rank(int rank, const io::TensorView& view, mx::Dtype dtype, uint64_t joined) {
  const bool product = view.shape.size() == 2 || (view.shape.size() == 4 && view.shape[2] == 1 && view.shape[3] == 1);
  const auto outputs = static_cast<uint64_t>(view.shape.at(0)), inputs = view.elements() / outputs;
  const auto width = static_cast<uint64_t>(product ? kernels::thin_rank(rank, dtype) : rank);
  // Of several as one most of the outer matrix is zeros.
  return width * (outputs + inputs) + (joined ? width * (joined * outputs + inputs) : 0);
}

/** Packed in the type of the UNet's numbers; what is added to pixels, or is a norm's, stays float32. */
uint64_t packed_bytes(const Deltas& deltas, const model::Parts& parts, model::Precision precision) {
  uint64_t bytes = 0;
  const auto& tensors = parts.collection.networks.at(Part::unet).stored.tensors;
  for (const auto& [tensor, delta] : deltas) {
    const auto& view = tensors.at(tensor);
    const auto rank = static_cast<int>(delta->rank());
    const uint64_t numbers =
        rank > 0 ? numbers_of_rank(rank, view, precision.dtype, joined_with(tensor, rank, deltas)) : view.elements();
    bytes += numbers * (view.shape.size() == 1 ? sizeof(float) : size_of(precision.dtype));
  }
  return bytes;
}

/** The changes with a region in a call, those of one file once for each strength. */
WeightChanges beside_in(const std::vector<WeightChanges>& call) {
  WeightChanges different;
  for (const auto& changes : call)
    for (const auto& change : changes) {
      const auto same = [&](const WeightChange& c) {
        return c.strength == change.strength && same_but_strength(c, change);
      };
      if (!change.region.empty() && std::none_of(different.begin(), different.end(), same)) different.push_back(change);
    }
  return different;
}

void count_beside(std::vector<Counted>& counted, const control::Timeline& control, const AdapterFiles& files,
                  const model::Parts& parts, model::Precision precision) {
  for (const auto& call : control.programs().front().second.data().calls) {
    const auto changes = beside_in(weights_of_rows(control, call));
    for (const auto& change : changes) {
      const auto same = [&](const auto& other) { return same_but_strength(other, change); };
      auto found = std::find_if(counted.begin(), counted.end(),
                                [&](const Counted& c) { return same_but_strength(c.change, change); });
      if (found == counted.end()) {
        const auto deltas = deltas_of(Part::unet, change, files);
        found = counted.insert(found, {change, !is_factored(deltas), packed_bytes(deltas, parts, precision)});
      }
      const auto strengths = static_cast<size_t>(std::count_if(changes.begin(), changes.end(), same));
      if (found->scaled) found->held = std::max(found->held, strengths);
    }
  }
}

uint64_t all_bytes(const std::vector<Counted>& counted) {
  uint64_t bytes = 0;
  for (const auto& one : counted) bytes += one.bytes * one.held;
  return bytes;
}

}  // namespace

const Beside::Kept& Beside::kept(const WeightChange& change, const std::vector<WeightChanges>& call,
                                 const AdapterFiles& files, const model::Parts& parts) {
  const auto same = [&](const Kept& kept) {
    return (!kept.scaled || kept.change.strength == change.strength) && same_but_strength(kept.change, change);
  };
  auto found = std::find_if(kept_.begin(), kept_.end(), same);
  if (found == kept_.end()) {
    const auto needed = beside_in(call);
    kept_.remove_if([&](const Kept& kept) {
      return kept.scaled && same_but_strength(kept.change, change) &&
             std::none_of(needed.begin(), needed.end(), [&](const WeightChange& c) {
               return c.strength == kept.change.strength && same_but_strength(c, change);
             });
    });
    if (kept_.size() >= kMostKept) kept_.pop_back();
    const auto deltas = deltas_of(Part::unet, change, files);
    const bool scaled = !is_factored(deltas);
    kept_.push_front({change, branches_of(deltas, parts, scaled ? change.strength : 1), scaled});
    found = kept_.begin();
  }
  kept_.splice(kept_.begin(), kept_, found);
  return kept_.front();
}

nn::Branches Beside::of(const WeightChanges& changes, const std::vector<WeightChanges>& call, const AdapterFiles& files,
                        const model::Parts& parts) {
  std::vector<nn::Branches::Change> all;
  for (const auto& change : changes) {
    if (change.region.empty()) continue;
    const auto& [of, layers, scaled] = kept(change, call, files, parts);
    const float strength = scaled ? 1 : change.strength;
    all.push_back({change.control, mx::array({strength}), shares_of(change, strength), layers, scaled});
  }
  return nn::Branches(std::move(all));
}

uint64_t beside_bytes(const control::Timeline& control, const AdapterFiles& files, const model::Parts& parts,
                      model::Precision precision, const control::Timeline* held) {
  std::vector<Counted> counted;
  if (held) count_beside(counted, *held, files, parts, precision);
  const auto before = all_bytes(counted);
  count_beside(counted, control, files, parts, precision);
  return all_bytes(counted) - before;
}

}  // namespace corepulse::pipeline
