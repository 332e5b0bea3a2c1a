#include "kernels/cuda/counters.h"

#include <cstdint>
#include <vector>

#include "mlx/backend/cuda/utils.h"

#include "kernels/cuda/driver.h"
#include "kernels/round.h"

namespace corepulse::kernels {
namespace {

constexpr unsigned kThreads = 128;

// Thread i sets the 32 bits at list[i] to 0.
constexpr const char* kClear = R"(
.version 7.5
.target sm_70
.address_size 64
.visible .entry clear(.param .u64 list, .param .u32 count) {
  .reg .pred %beyond;
  .reg .u32 %i, %n, %zero;
  .reg .u64 %at;
  mov.u32 %i, %ctaid.x;
  mov.u32 %n, %ntid.x;
  mov.u32 %zero, %tid.x;
  mad.lo.u32 %i, %i, %n, %zero;
  ld.param.u32 %n, [count];
  setp.ge.u32 %beyond, %i, %n;
  @%beyond ret;
  ld.param.u64 %at, [list];
  mad.wide.u32 %at, %i, 8, %at;
  ld.global.u64 %at, [%at];
  mov.u32 %zero, 0;
  st.global.u32 [%at], %zero;
  ret;
}
)";

CUfunction clear_kernel() {
  static const CUfunction function = [] {
    CUmodule module = nullptr;
    CUfunction found = nullptr;
    check_cuda(CudaDriver::get().load_module(&module, kClear), "loading a kernel");
    check_cuda(CudaDriver::get().function_of(&found, module, "clear"), "finding a kernel");
    return found;
  }();
  return function;
}

/** What `ask`, one of the driver's functions, lists of a graph. */
std::vector<CUgraphNode> list_of(CUgraph graph, decltype(CudaDriver::nodes) ask) {
  size_t count = 0;
  check_cuda(ask(graph, nullptr, &count), "counting nodes");
  std::vector<CUgraphNode> nodes(count);
  check_cuda(ask(graph, nodes.data(), &count), "listing nodes");
  return nodes;
}

CUgraphNodeType type_of(CUgraphNode node) {
  CUgraphNodeType type{};
  check_cuda(CudaDriver::get().type(node, &type), "asking a node's type");
  return type;
}

/** The address of the 32 bits that this node sets to 0; none if it does something else. */
std::optional<uint64_t> counter_of(CUgraphNode node) {
  if (type_of(node) != CU_GRAPH_NODE_TYPE_MEMSET) return {};
  CUDA_MEMSET_NODE_PARAMS p{};
  check_cuda(CudaDriver::get().memset_params(node, &p), "reading a memset");
  if (p.value != 0 || p.height != 1 || p.width * p.elementSize != 4 || p.dst % 4 != 0) return {};
  return p.dst;
}

}  // namespace

std::vector<CUgraphNode> nodes_of(CUgraph graph) {
  return list_of(graph, CudaDriver::get().nodes);
}

std::optional<Counters> clear_counters_together(CUgraph graph) {
  const auto& driver = CudaDriver::get();
  std::vector<uint64_t> counters;
  for (const auto node : nodes_of(graph)) {
    if (type_of(node) != CU_GRAPH_NODE_TYPE_GRAPH) continue;
    CUgraph inside = nullptr;
    check_cuda(driver.child(node, &inside), "opening a child graph");
    // Only what an operation does first: nothing of its own can have used the counter before.
    for (const auto part : list_of(inside, driver.roots)) {
      const auto counter = counter_of(part);
      if (!counter) continue;
      counters.push_back(*counter);
      check_cuda(driver.remove(part), "removing a memset");
    }
  }
  if (counters.empty()) return {};
  const mx::array list(counters.begin(), {static_cast<int>(counters.size())}, mx::uint64);
  auto* address = mx::gpu_ptr<void>(list);
  auto count = static_cast<unsigned>(counters.size());
  void* arguments[] = {&address, &count};
  CUDA_KERNEL_NODE_PARAMS params{};
  params.func = clear_kernel();
  params.gridDimX = static_cast<unsigned>(divide_up(count, kThreads)), params.gridDimY = params.gridDimZ = 1;
  params.blockDimX = kThreads, params.blockDimY = params.blockDimZ = 1;
  params.kernelParams = arguments;
  CUgraphNode first = nullptr;
  check_cuda(driver.add_kernel(&first, graph, nullptr, 0, &params), "adding a kernel");
  return Counters{list, first};
}

}  // namespace corepulse::kernels
