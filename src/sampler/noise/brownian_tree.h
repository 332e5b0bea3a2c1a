#pragma once
// The noise of k-diffusion's SDE samplers: torchsde's Brownian tree, so that a seed of ComfyUI or A1111 gives its
// picture.

#include <map>
#include <utility>
#include <vector>

#include "sampler/noise/noise.h"

namespace corepulse::sampler {

/**
 * torchsde.BrownianTree (tolerance 1e-6, pool of 24 words): one path between two times, halved again and again; each
 * half's numbers are drawn with a seed of their own, so that the path does not depend on what is asked of it.
 */
class BrownianTree {
 public:
  /** @param shape of the path's values, in torch's order. */
  BrownianTree(NoiseKind kind, uint64_t seed, std::vector<int> shape, double start, double end);

  /** How far the path goes from one time to a later one; both are moved into the tree's span. */
  std::vector<float> increment(double from, double to);

 private:
  struct Node {
    double start, end;
    uint64_t key;  ///< Its place among those of its depth.
    uint64_t depth;
  };
  using Values = std::vector<float>;

  void add(const Node& node, const Values& whole, double from, double to, Values& sum);
  Values left_half(const Node& node, const Values& whole, double middle);
  Values drawn(uint32_t seed) const;

  NoiseKind kind_;
  uint64_t seed_;
  std::vector<int> shape_;
  Node root_;
  Values whole_;
  /** Of the last query, by depth and key: the next one goes along many of the same nodes. */
  std::map<std::pair<uint64_t, uint64_t>, Values> lefts_, used_;
};

/**
 * Between which levels a run's tree grows: the noisiest and the last above 0. The noisiest is A1111's of the whole
 * schedule, also where a run from a picture leaves its first steps out; k-diffusion's, and ComfyUI's, of those that
 * run.
 */
Way tree_span(const Schedule& schedule, Compat compat);

/** k-diffusion's BrownianTreeNoiseSampler: a tree per image. */
class TreeNoise {
 public:
  TreeNoise(NoiseKind kind, const std::vector<uint64_t>& seeds, int height, int width, Way span);
  /** The noise of a way of all images: [B, h, w, 4]. */
  mx::array operator()(Way way);

 private:
  std::vector<BrownianTree> trees_;
  int height_, width_;
};

/** Whether ComfyUI's or A1111's sampler of this name draws on a tree; ComfyUI's `_gpu` ones draw other numbers. */
bool draws_on_a_tree(SamplerKind sampler, Compat compat);

}  // namespace corepulse::sampler
