// CudaGraph in a build against MLX without CUDA: there is none.
#include "base/fail.h"
#include "kernels/cuda/graph.h"

namespace corepulse::kernels {

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
