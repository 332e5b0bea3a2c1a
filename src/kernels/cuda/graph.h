#pragma once
// A computation recorded once and launched as a whole: handing a UNet's thousand kernels to a GPU one by one takes the
// host several times longer than the GPU needs to run them.

#include <memory>
#include <vector>

#include "base/tensor.h"

namespace corepulse::kernels {

/** Everything between some inputs and one result as one CUDA graph. Used on the thread that made it. */
class CudaGraph {
 public:
  /** True in a build against MLX for CUDA, on a machine with such a device as the default. */
  static bool available();

  /** Bytes that recording `out` would hold: all its intermediate results, none sharing memory with another. */
  static size_t bytes(const mx::array& out);

  /**
   * Records what computes `out`, which is lazy, from `inputs`, which are evaluated and belong to this graph alone.
   * Computes nothing. @throws Error{internal} if part of it is not the GPU's work; CUDA's errors.
   */
  CudaGraph(std::vector<mx::array> inputs, const mx::array& out);
  ~CudaGraph();
  CudaGraph(const CudaGraph&) = delete;
  CudaGraph& operator=(const CudaGraph&) = delete;

  /** `out` for other values of the inputs, of the same shapes and types. */
  mx::array operator()(const std::vector<mx::array>& values);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace corepulse::kernels
