#pragma once
// oneDNN behind linear and conv2d: its engine, and weights kept in the format its kernels like.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "kernels/number.h"
#include "kernels/plain_weights.h"

namespace corepulse::kernels {

/**
 * Whether oneDNN has kernels for this kind of machine. Debian's for Arm has them for SVE of 512 bits alone; else it
 * packs convolutions for its reference product ("gemm:ref"). Nothing in float32 goes there.
 */
#if defined(__x86_64__)
constexpr bool kHasOnednnKernels = true;
#else
constexpr bool kHasOnednnKernels = false;
#endif

/** Makes the oneDNN descriptor of a layer for one input shape, given the format of its weights. */
using Describe = std::function<dnnl::primitive_desc(const dnnl::memory::desc& weights)>;

/** A oneDNN kernel for one input shape. */
struct OnednnPlan {
  dnnl::primitive primitive;
  dnnl::memory weights;
  dnnl::memory::desc source, target, scratchpad;
};

/**
 * The weights and bias of one layer. The plain array is read and repacked by the first call into the format oneDNN
 * prefers for that call's shape, then dropped; another shape uses the packed one as it is, or, if no kernel can, a
 * second packing.
 */
class OnednnWeights {
 public:
  /** layout: how the plain weight lies, its dimensions in oneDNN's order (out, in, ...). */
  OnednnWeights(std::shared_ptr<PlainWeights> plain, dnnl::memory::desc layout);

  /**
   * out = layer(source) for a source of `shape`. Runs on MLX's stream thread. Throws Error (internal, out_of_memory)
   * where oneDNN fails, and what reading the weights throws.
   */
  void run(ConstNumbers source, Numbers out, const std::vector<int64_t>& shape, const Describe& describe);

 private:
  OnednnPlan plan(const std::vector<int64_t>& shape, const Describe& describe);
  OnednnPlan make_plan(const Describe& describe);
  dnnl::memory::desc any_format() const;
  void pack(const Describe& describe);
  dnnl::memory packed_as(const dnnl::memory::desc& format);

  const std::shared_ptr<PlainWeights> plain_;
  std::mutex mutex_;
  dnnl::memory::desc layout_;
  std::vector<dnnl::memory> packed_;  // the same numbers in each format in use; nearly always one
  std::vector<float> packed_bias_;
  std::map<std::vector<int64_t>, OnednnPlan> plans_;
};

constexpr auto kBiasType = dnnl::memory::data_type::f32;

/** The process's one CPU engine. */
const dnnl::engine& onednn_engine();

/** Attributes every primitive here is made with. */
dnnl::primitive_attr onednn_attributes();

/** y = x W^T (+ b) for x of `rows` rows, W's dimensions, format and type (also x's and y's) as in `weights`. */
dnnl::primitive_desc describe_product(int64_t rows, bool bias, const dnnl::memory::desc& weights);

/** x + y, y as cpu::add takes it: what oneDNN computes is added to in a pass of its own. */
mx::array sum_of(const mx::array& x, const mx::array& y);

/** oneDNN's name for a type of weights; float32 for those that only a GPU computes in. */
dnnl::memory::data_type onednn_type(mx::Dtype dtype);

}  // namespace corepulse::kernels
