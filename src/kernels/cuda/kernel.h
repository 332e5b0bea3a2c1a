#pragma once
// A kernel of ours on an NVIDIA GPU, compiled at its first use and kept on disk.
//
//   static const CudaKernel twice("twice", {.inputs = {"x"}, .outputs = {"y"}, .numbers = {"size"}}, R"(
//     const int i = blockIdx.x * blockDim.x + threadIdx.x;
//     if (i < size) y[i] = FACTOR * x[i];)");
//   auto y = twice({.inputs = {x}, .shapes = {x.shape()}, .types = {x.dtype()}, .constants = {{"FACTOR", 2}},
//                   .numbers = {n}, .threads = {n, 1, 1}, .block = {128, 1, 1}})[0];
//
// mx::fast::cuda_kernel does the same with all of MLX's device code in front, which takes a second per kernel and
// process.

#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mlx/fast.h"

#include "base/tensor.h"

namespace corepulse::kernels {

class CudaKernel {
 public:
  /** What the body calls its arguments, in their order: pointers to inputs and outputs, then plain numbers. */
  struct Names {
    std::vector<std::string> inputs, outputs, numbers;
  };

  struct Call {
    std::vector<mx::array> inputs;  ///< Read row by row without gaps; copied first if they do not lie so.
    std::vector<mx::Shape> shapes;  ///< Of the outputs, as are the types.
    std::vector<mx::Dtype> types;
    std::vector<std::pair<std::string, mx::fast::TemplateArg>> constants;  ///< Each set of them is compiled for itself.
    std::vector<mx::fast::ScalarArg> numbers;
    std::tuple<int, int, int> threads, block;  ///< Of the grid, whole blocks, and of a block.
    int shared_bytes = 0;                      ///< Beside what the body declares with a size.
  };

  /** `body` is what stands in the function's braces, `header` what stands before it. */
  CudaKernel(const std::string& name, Names names, std::string body, std::string header = "");

  /** The outputs. @throws Error as cubin. */
  std::vector<mx::array> operator()(const Call& call) const;

  /** The function in CUDA's C++. */
  std::string source(const Call& call) const;

  /** The function for an architecture such as "sm_90a"; may be asked by any thread. @throws Error{internal} with
   * NVRTC's log if it does not compile, {not_found} without NVRTC or CUDA's headers. */
  const std::string& cubin(const Call& call, const std::string& architecture) const;

 private:
  /** What a call decides of the source: the function's parameters and its constants. */
  std::string signature(const Call& call) const;
  std::string source_with(const std::string& signature) const;

  std::string name_;
  Names names_;
  std::string body_, header_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::string> cubins_;
};

}  // namespace corepulse::kernels
