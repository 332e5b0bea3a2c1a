#include "pipeline/guide/residuals.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "mlx/transforms.h"

#include "attention/keys.h"
#include "control/program/program_data.h"
#include "kernels/cuda/graph.h"

namespace corepulse::pipeline {
namespace {

/** Rows read their texts and look at themselves: controls of attention are the UNet's. */
class Plainly : public control::Control {
 public:
  explicit Plainly(const control::Control& run) : run_(run) {}

  control::AttentionPlan plan(const control::Site& site, const control::Step& step) const override {
    const auto inputs = run_.step(step);
    control::AttentionPlan plan;
    for (const auto& row : step.rows) {
      control::Source source{control::Source::Kind::own, 0};
      if (site.cross) source = {control::Source::Kind::text, inputs.text_of(row)};
      plan.rows.push_back({control::Reading{.sources = {source}}});
    }
    return plan;
  }
  control::StepPlan step(const control::Step& step) const override { return run_.step(step); }

 private:
  const control::Control& run_;
};

/** These rows of all that a call is given. */
unet::CallInputs rows_of(const unet::CallInputs& inputs, const std::vector<int>& rows) {
  auto part = inputs;
  each(part, [&](mx::array& x) { x = attention::rows_of(x, rows); });
  return part;
}

mx::array flat(const std::vector<mx::array>& all) {
  std::vector<mx::array> parts;
  for (const auto& x : all) parts.push_back(mx::reshape(x, {-1}));
  return mx::concatenate(parts, 0);
}

std::vector<mx::array> unfolded(const mx::array& all, const std::vector<mx::Shape>& shapes) {
  std::vector<mx::array> parts;
  int at = 0;
  for (const auto& shape : shapes) {
    const int size = std::accumulate(shape.begin(), shape.end(), 1, std::multiplies<>());
    parts.push_back(mx::reshape(mx::slice(all, {at}, {at + size}), shape));
    at += size;
  }
  return parts;
}

/** Rows `rows` of a batch of `count`; the others are 0. */
mx::array spread(const mx::array& x, const std::vector<int>& rows, int count) {
  if (static_cast<int>(rows.size()) == count) return x;
  auto shape = x.shape();
  shape[0] = 1;
  std::vector<mx::array> all(static_cast<size_t>(count), mx::zeros(shape, x.dtype()));
  for (size_t i = 0; i < rows.size(); ++i)
    all[static_cast<size_t>(rows[i])] = attention::row_of(x, static_cast<int>(i));
  return mx::concatenate(all, 0);
}

std::vector<int> rows_with(const control::SideCall& call, const std::vector<control::Row>& rows) {
  std::vector<int> all;
  for (size_t r = 0; r < rows.size(); ++r)
    if (call.has(rows[r])) all.push_back(static_cast<int>(r));
  return all;
}

/** By network, the rows to which some call adds what it makes. */
std::map<int, std::vector<int>> rows_by_network(const control::StepPlan& plan, const std::vector<control::Row>& rows) {
  std::map<int, std::set<int>> wanted;
  for (const auto& call : plan.side)
    for (const int row : rows_with(call, rows)) wanted[call.network].insert(row);
  std::map<int, std::vector<int>> all;
  for (const auto& [network, of] : wanted) all[network] = {of.begin(), of.end()};
  return all;
}

/** Where some of the rows stand among all. */
std::vector<int> places_of(const std::vector<int>& some, const std::vector<int>& all) {
  std::vector<int> places;
  for (const int row : some) places.push_back(static_cast<int>(std::find(all.begin(), all.end(), row) - all.begin()));
  return places;
}

/** Some rows of `asked`, all of which x has; a T2I-Adapter's has one, which is every row's. */
mx::array of_rows(const mx::array& x, const std::vector<int>& places, size_t asked) {
  auto shape = x.shape();
  shape[0] = static_cast<int>(places.size());
  if (x.shape(0) == 1) return mx::broadcast_to(x, shape);
  return places.size() == asked ? x : attention::rows_of(x, places);
}

/** A network's residual at a skip as one call has it. */
mx::array weighted(mx::array x, const control::SideCall& call, size_t skip, bool pool, attention::RunCache& cache) {
  const auto height = x.shape(1), width = x.shape(2);
  if (pool) x = mx::mean(x, {1, 2}, /*keepdims=*/true);
  if (call.weights[skip] != 1) x = x * like(call.weights[skip], x);
  if (call.region.empty()) return x;
  return x * mx::astype(mx::reshape(cache.upload(call.region[skip]), {1, height, width, 1}), x.dtype());
}

/** Keeps zeros in the form of what is added to so many rows, or adds those that were kept. */
void keep_form(std::vector<mx::array>& added, std::vector<mx::array>& zeros, size_t rows) {
  if (added.empty() && !zeros.empty() && zeros[0].shape(0) == static_cast<int>(rows)) added = zeros;
  const auto same = [](const mx::array& a, const mx::array& b) { return a.shape() == b.shape(); };
  if (std::equal(added.begin(), added.end(), zeros.begin(), zeros.end(), same)) return;
  zeros.clear();
  for (const auto& x : added) zeros.push_back(mx::contiguous(mx::zeros_like(x)));
  mx::eval(zeros);
}

}  // namespace

std::shared_ptr<const model::SideNetwork> SideStore::of(const Guide& guide, mx::Dtype dtype) {
  for (const auto& [sha256, network] : held_)
    if (sha256 == guide.sha256) return network;
  held_.emplace_back(guide.sha256, model::load_side(*guide.network, dtype));
  return held_.back().second;
}

void SideStore::keep(const Guides& guides) {
  held_.remove_if([&](const auto& held) {
    return std::none_of(guides.begin(), guides.end(), [&](const auto& guide) { return guide->sha256 == held.first; });
  });
}

const SideNetworks::Loaded& SideNetworks::loaded(int index) {
  if (const auto found = loaded_.find(index); found != loaded_.end()) return found->second;
  const auto& guide = *guides_.at(static_cast<size_t>(index));
  auto network = store_->of(guide, dtype_);
  const auto& [width, height, values] = guide.picture;
  const auto picture = mx::astype(mx::array(values.begin(), {1, height, width, 3}, mx::float32), dtype_);
  if (const auto* adapter = std::get_if<unet::T2iAdapter>(network.get())) {
    auto features = (*adapter)(picture);
    mx::eval(features);
    return loaded_.emplace(index, Loaded{std::move(network), std::move(features)}).first->second;
  }
  auto hint = std::get<unet::ControlNet>(*network).hint(picture, guide.type);
  mx::eval(hint.picture);
  if (hint.type) mx::eval(*hint.type);
  return loaded_.emplace(index, Loaded{std::move(network), std::move(hint)}).first->second;
}

std::vector<mx::array> SideNetworks::made_by(int index, const std::vector<int>& rows, const unet::CallInputs& inputs,
                                             const attention::Pass& pass, SideCalls& calls) {
  const auto& [held, seen] = loaded(index);
  if (const auto* features = std::get_if<std::vector<mx::array>>(&seen)) return *features;
  const auto& network = std::get<unet::ControlNet>(*held);
  auto& own = calls.networks[index];
  auto step = pass.step;
  step.rows.clear();
  for (const int r : rows) step.rows.push_back(pass.step.rows[static_cast<size_t>(r)]);
  auto part = inputs;
  part.beside.clear();  // of the UNet's layers, and by pixel, not by row
  if (rows.size() != pass.step.rows.size()) part = rows_of(part, rows);
  part.hint = std::get<unet::CallInputs::Hint>(seen);
  const Plainly control(pass.control);
  const attention::Pass side_pass{control, step, pass.texts, own.cache};
  if (!kernels::CudaGraph::available()) return network(part, side_pass);
  if (!own.replay)
    own.replay = std::make_unique<engine::Replay>(
        network.sites(), [kept = held, &network, &own](const unet::CallInputs& given, const attention::Pass& at) {
          const auto made = network(given, at);
          own.shapes.clear();
          for (const auto& x : made) own.shapes.push_back(x.shape());
          return flat(made);
        });
  const auto all = (*own.replay)(part, side_pass);
  return unfolded(all, own.shapes);
}

void SideNetworks::add(const control::StepPlan& plan, unet::CallInputs& inputs, const attention::Pass& pass,
                       SideCalls& calls) {
  Made made;
  for (const auto& [network, wanted] : rows_by_network(plan, pass.step.rows))
    made[network] = made_by(network, wanted, inputs, pass, calls);
  inputs.residuals = sums(plan, pass.step.rows, made, false, calls);
  inputs.features = sums(plan, pass.step.rows, made, true, calls);
  if (!kernels::CudaGraph::available()) return;
  keep_form(inputs.residuals, calls.no_residuals, pass.step.rows.size());
  keep_form(inputs.features, calls.no_features, pass.step.rows.size());
}

std::vector<mx::array> SideNetworks::sums(const control::StepPlan& plan, const std::vector<control::Row>& rows,
                                          const Made& made, bool of_adapters, SideCalls& calls) {
  const auto asked = rows_by_network(plan, rows);
  const int count = static_cast<int>(rows.size());
  std::vector<mx::array> all;
  std::vector<bool> begun;
  for (const auto& call : plan.side) {
    const auto own = rows_with(call, rows);
    const auto& guide = *guides_[static_cast<size_t>(call.network)];
    if (own.empty() || of_adapters == (guide.network->control_net() != nullptr)) continue;
    const auto& parts = made.at(call.network);
    if (all.empty())  // 0 first, for every pixel the same
      for (const auto& x : parts) all.push_back(mx::zeros({count, 1, 1, x.shape(3)}, dtype_));
    begun.resize(all.size());
    const auto places = places_of(own, asked.at(call.network));
    for (size_t skip = 0; skip < all.size(); ++skip) {
      if (call.weights[skip] == 0) continue;
      auto x = of_rows(parts[skip], places, asked.at(call.network).size());
      x = spread(weighted(x, call, skip, guide.pool, calls.networks[call.network].cache), own, count);
      all[skip] = begun[skip] ? all[skip] + x : x;
      begun[skip] = true;
    }
  }
  return all;
}

uint64_t side_bytes(const control::Timeline& control, const Guides& guides, mx::Dtype dtype,
                    const control::Timeline* held) {
  std::set<std::string> files;
  const auto visit = [&](const control::Timeline& of, auto&& take) {
    for (const auto& [step, program] : of.programs())
      for (const auto& plan : program.data().steps)
        for (const auto& call : plan.side) take(*guides.at(static_cast<size_t>(call.network)));
  };
  if (held) visit(*held, [&](const Guide& guide) { files.insert(guide.sha256); });
  uint64_t bytes = 0;
  visit(control, [&](const Guide& guide) {
    if (files.insert(guide.sha256).second) bytes += guide.network->bytes(dtype);
  });
  return bytes;
}

}  // namespace corepulse::pipeline
