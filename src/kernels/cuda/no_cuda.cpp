// A build against MLX without CUDA: no kernels of ours, and no graphs.
#include "base/fail.h"
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/graph.h"

namespace corepulse::kernels {
namespace cuda {

std::optional<mx::array> attention(const mx::array&, const mx::array&, const mx::array&, const AttentionOptions&) {
  return {};
}

std::optional<mx::array> geglu(const mx::array&) {
  return {};
}

std::optional<mx::array> group_norm(const Parts&, const std::optional<mx::array>&, const mx::array&, const mx::array&,
                                    int, float, bool) {
  return {};
}

std::optional<mx::array> layer_norm(const mx::array&, const mx::array&, const mx::array&, float) {
  return {};
}

std::optional<std::pair<mx::array, mx::array>> add_layer_norm(const mx::array&, const mx::array&, const mx::array&,
                                                              const mx::array&, float,
                                                              const std::optional<mx::array>&) {
  return {};
}

std::optional<mx::array> with_thin(const mx::array&, const mx::array&, const mx::array&, const mx::array&) {
  return {};
}

}  // namespace cuda

struct CudaGraph::State {};

bool CudaGraph::available() {
  return false;
}

size_t CudaGraph::bytes(const mx::array&) {
  return 0;
}

CudaGraph::CudaGraph(std::vector<mx::array>, const mx::array&) {
  fail(ErrorCode::internal, "cuda_graph", "this build has no CUDA");
}

CudaGraph::~CudaGraph() = default;

mx::array CudaGraph::operator()(const std::vector<mx::array>&) {
  fail(ErrorCode::internal, "cuda_graph", "this build has no CUDA");
}

}  // namespace corepulse::kernels
