#include "sampler/noise/brownian_tree.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/number.h"
#include "sampler/noise/seed_sequence.h"

namespace corepulse::sampler {
namespace {

constexpr size_t kPool = 24;

// To the tree's tolerance of 1e-6, as Python's round(): the nearest decimal.
double rounded(double time) {
  return leading_number(fmt::format("{:.6f}", time))->value;
}

// What torch holds a sigma as.
double in_float32(double sigma) {
  return static_cast<float>(sigma);
}

}  // namespace

BrownianTree::BrownianTree(NoiseKind kind, uint64_t seed, std::vector<int> shape, double start, double end)
    : kind_(kind), seed_(seed), shape_(std::move(shape)), root_{rounded(start), rounded(end), 0, 0} {
  whole_ = drawn(seed_words(seed_, {}, kPool, 1)[0]);
  const auto spread = static_cast<float>(std::sqrt(end - start));
  for (auto& value : whole_) value *= spread;
}

std::vector<float> BrownianTree::increment(double from, double to) {
  from = rounded(std::clamp(from, root_.start, root_.end));
  to = rounded(std::clamp(to, root_.start, root_.end));
  Values sum(whole_.size());
  used_.clear();
  if (from < to) add(root_, whole_, from, to, sum);
  lefts_ = std::move(used_);
  return sum;
}

void BrownianTree::add(const Node& node, const Values& whole, double from, double to, Values& sum) {
  if (from == node.start && to == node.end) {
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += whole[i];
    return;
  }
  const double middle = rounded(0.5 * (node.end + node.start));
  auto left = left_half(node, whole, middle);
  if (from < middle) add({node.start, middle, 2 * node.key, node.depth + 1}, left, from, std::min(to, middle), sum);
  if (to > middle) {
    Values right(whole.size());
    for (size_t i = 0; i < right.size(); ++i) right[i] = whole[i] - left[i];
    add({middle, node.end, 2 * node.key + 1, node.depth + 1}, right, std::max(from, middle), to, sum);
  }
  used_[{node.depth, node.key}] = std::move(left);
}

// A Brownian bridge: the middle given both ends.
BrownianTree::Values BrownianTree::left_half(const Node& node, const Values& whole, double middle) {
  if (auto known = lefts_.find({node.depth, node.key}); known != lefts_.end()) return std::move(known->second);
  const double left = middle - node.start, right = node.end - middle, inverse = 1 / (node.end - node.start);
  const auto share = static_cast<float>(left), scale = static_cast<float>(inverse);
  const auto spread = static_cast<float>(std::sqrt(left * right * inverse));
  auto values = drawn(seed_words(seed_, {node.key, node.depth}, kPool, 1)[0]);
  for (size_t i = 0; i < values.size(); ++i) values[i] = share * whole[i] * scale + spread * values[i];
  return values;
}

BrownianTree::Values BrownianTree::drawn(uint32_t seed) const {
  return make_noise(kind_, seed)->next(shape_);
}

Way tree_span(const Schedule& schedule, Compat compat) {
  return {compat == Compat::a1111 ? schedule.noisiest : schedule.sigma[0],
          schedule.sigma.at(schedule.sigma.size() - 2)};
}

TreeNoise::TreeNoise(NoiseKind kind, const std::vector<uint64_t>& seeds, int height, int width, Way span)
    : height_(height), width_(width) {
  const double start = in_float32(span.to), end = in_float32(span.from);
  for (const auto seed : seeds) trees_.emplace_back(kind, seed, std::vector{4, height, width}, start, end);
}

mx::array TreeNoise::operator()(Way way) {
  const double from = in_float32(way.from), to = in_float32(way.to);
  // Sigma falls while the path is asked upwards.
  const float scale = -1 / std::sqrt(static_cast<float>(from - to));
  std::vector<mx::array> images;
  for (auto& tree : trees_) {
    auto values = tree.increment(to, from);
    for (auto& value : values) value *= scale;
    images.push_back(latents_of(values, 4, height_, width_));
  }
  return mx::concatenate(images, 0);
}

bool draws_on_a_tree(SamplerKind sampler, Compat compat) {
  return compat != Compat::diffusers && (sampler == SamplerKind::dpmpp_sde || sampler == SamplerKind::dpmpp_2m_sde ||
                                         sampler == SamplerKind::dpmpp_3m_sde);
}

}  // namespace corepulse::sampler
