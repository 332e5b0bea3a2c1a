#pragma once
// UNet calls of one run that differ only in the numbers they are given, recorded once on CUDA.

#include <memory>
#include <optional>
#include <vector>

#include "kernels/cuda/graph.h"
#include "unet/unet.h"

namespace corepulse::engine {

/** Calls a UNet; from the second of several calls in which every attention layer does the same, as one CUDA graph. */
class Replay {
 public:
  /** For calls whose passes share their control, texts and cache. Elsewhere than on CUDA it just calls the network. */
  explicit Replay(const unet::UNet& network) : network_(network) {}

  /** As UNet::operator(). */
  mx::array operator()(const mx::array& x, const attention::Pass& pass,
                       const std::optional<unet::AddedConditioning>& added = {});

 private:
  bool repeats(const std::vector<mx::Shape>& shapes, const attention::Pass& pass) const;
  bool record(unet::CallInputs inputs, const attention::Pass& pass);

  const unet::UNet& network_;
  std::optional<control::Step> last_;  ///< The call before this one, and
  std::vector<mx::Shape> shapes_;      ///< the shapes of its inputs.
  std::unique_ptr<kernels::CudaGraph> graph_;
  bool too_large_ = false;  ///< The recording would not fit the device.
};

}  // namespace corepulse::engine
