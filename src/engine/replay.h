#pragma once
// A network's calls in one run that differ only in the numbers they are given, recorded once on CUDA.

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/cuda/graph.h"
#include "unet/unet.h"

namespace corepulse::engine {

/** Calls a network; from the second of several calls in which every attention layer does the same, as one CUDA graph.
 */
class Replay {
 public:
  using Call = std::function<mx::array(const unet::CallInputs& inputs, const attention::Pass& pass)>;
  /** For calls whose passes share their control, texts and cache. Elsewhere than on CUDA it just calls the network.
   * @param sites the network's, which must outlive this. */
  Replay(const std::vector<control::Site>& sites, Call network) : sites_(sites), network_(std::move(network)) {}
  explicit Replay(const unet::UNet& network);

  /** What the network makes of the inputs. */
  mx::array operator()(const unet::CallInputs& inputs, const attention::Pass& pass);

 private:
  bool repeats(const std::vector<mx::Shape>& shapes, const attention::Pass& pass) const;
  bool record(const unet::CallInputs& given, const attention::Pass& pass);

  const std::vector<control::Site>& sites_;
  Call network_;
  std::optional<control::Step> last_;   ///< The call before this one, and
  std::vector<mx::Shape> shapes_;       ///< the shapes of its inputs, and
  std::optional<nn::Branches> beside_;  ///< what stood beside its weights.
  std::unique_ptr<kernels::CudaGraph> graph_;
  bool too_large_ = false;  ///< The recording would not fit the device.
};

}  // namespace corepulse::engine
