#pragma once
// UNet calls of one run that differ only in the picture and the moment, recorded once on CUDA.

#include <memory>
#include <optional>

#include "kernels/cuda/graph.h"
#include "unet/unet.h"

namespace corepulse::unet {

/** Calls a UNet; from the second of several calls in which every attention layer does the same, as one CUDA graph. */
class Replay {
 public:
  /** For calls whose passes share their control, texts and cache. Elsewhere than on CUDA it just calls the network. */
  explicit Replay(const UNet& network) : network_(network) {}

  /** As UNet::operator(). */
  mx::array operator()(const mx::array& x, const Pass& pass, const std::optional<AddedConditioning>& added = {});

 private:
  bool repeats(const mx::array& x, const Pass& pass) const;
  bool record(const mx::array& x, const std::vector<mx::array>& moment, const Pass& pass);

  const UNet& network_;
  std::optional<control::Step> last_;  ///< The call before this one, and
  mx::Shape shape_;                    ///< the shape of its picture.
  std::unique_ptr<kernels::CudaGraph> graph_;
  bool too_large_ = false;  ///< The recording would not fit the device.
};

}  // namespace corepulse::unet
