#include "kernels/cuda_graph.h"

#include <algorithm>
#include <dlfcn.h>
#include <fmt/format.h>
#include <string_view>
#include <unordered_set>

#include "mlx/backend/cuda/device.h"
#include "mlx/backend/cuda/utils.h"
#include "mlx/primitives.h"
#include "mlx/transforms.h"

#include "base/fail.h"
#include "kernels/device.h"

// MLX encodes kernels into a graph of its own before it launches them; this takes that graph before it does. The
// members it needs are private in MLX 0.32.4, the exact version that this project is built with.
namespace corepulse::kernels {
namespace {

using mx::cu::CommandEncoder;

// The standard's one way to a private member: an explicit instantiation may name it (C++20 [temp.spec.general]/6).
template <class Key, auto Member>
struct Open {
  friend constexpr auto open(Key) { return Member; }
};
#define COREPULSE_OPEN(key, member)  \
  struct key {                       \
    friend constexpr auto open(key); \
  };                                 \
  template struct Open<key, &CommandEncoder::member>
COREPULSE_OPEN(GraphKey, graph_);
COREPULSE_OPEN(FromKey, from_nodes_);
COREPULSE_OPEN(ToKey, to_nodes_);
COREPULSE_OPEN(CountKey, node_count_);
COREPULSE_OPEN(BytesKey, bytes_in_graph_);
COREPULSE_OPEN(TemporariesKey, temporaries_);
COREPULSE_OPEN(ClearKey, clear_graph_state);
#undef COREPULSE_OPEN

/** The driver's functions, from the library that MLX has loaded: nothing of CUDA is linked. */
struct Driver {
  CUresult (*add_dependencies)(CUgraph, const CUgraphNode*, const CUgraphNode*, size_t);
  CUresult (*instantiate)(CUgraphExec*, CUgraph, unsigned long long);
  CUresult (*launch)(CUgraphExec, CUstream);
  CUresult (*destroy)(CUgraphExec);
  CUresult (*copy)(CUdeviceptr, CUdeviceptr, size_t, CUstream);
  CUresult (*nodes)(CUgraph, CUgraphNode*, size_t*);
  CUresult (*type)(CUgraphNode, CUgraphNodeType*);
  CUresult (*child)(CUgraphNode, CUgraph*);
  CUresult (*memset_params)(CUgraphNode, CUDA_MEMSET_NODE_PARAMS*);
  CUresult (*add_memset)(CUgraphNode*, CUgraph, const CUgraphNode*, size_t, const CUDA_MEMSET_NODE_PARAMS*, CUcontext);
  CUresult (*remove)(CUgraphNode);
  CUresult (*context)(CUcontext*);

  static const Driver& get() {
    static const Driver driver;
    return driver;
  }

 private:
  Driver() {
    void* library = dlopen("libcuda.so.1", RTLD_NOW);
    const auto load = [&](auto& function, const char* name) {
      function =
          reinterpret_cast<std::remove_reference_t<decltype(function)>>(library ? dlsym(library, name) : nullptr);
      if (!function)
        fail(ErrorCode::internal, "cuda_graph", fmt::format("the driver has no {}; expected CUDA 12 or later", name));
    };
    load(add_dependencies, "cuGraphAddDependencies");
    load(instantiate, "cuGraphInstantiateWithFlags");
    load(launch, "cuGraphLaunch");
    load(destroy, "cuGraphExecDestroy");
    load(copy, "cuMemcpyDtoDAsync_v2");
    load(nodes, "cuGraphGetNodes");
    load(type, "cuGraphNodeGetType");
    load(child, "cuGraphChildGraphNodeGetGraph");
    load(memset_params, "cuGraphMemsetNodeGetParams");
    load(add_memset, "cuGraphAddMemsetNode");
    load(remove, "cuGraphDestroyNode");
    load(context, "cuCtxGetCurrent");
  }
};

void check(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) return;
  fail(result == CUDA_ERROR_OUT_OF_MEMORY ? ErrorCode::out_of_memory : ErrorCode::internal, "cuda_graph",
       fmt::format("{} failed with CUDA's error {}", what, static_cast<int>(result)));
}

std::vector<CUgraphNode> nodes_of(CUgraph graph) {
  size_t count = 0;
  check(Driver::get().nodes(graph, nullptr, &count), "counting nodes");
  std::vector<CUgraphNode> nodes(count);
  check(Driver::get().nodes(graph, nodes.data(), &count), "listing nodes");
  return nodes;
}

CUgraphNodeType type_of(CUgraphNode node) {
  CUgraphNodeType type{};
  check(Driver::get().type(node, &type), "asking a node's type");
  return type;
}

/**
 * cuDNN's attention and some of cuBLAS's products first set a counter in their workspace to 0, for which the GPU waits
 * some 10 microseconds. A recording gives every workspace to one operation alone, so they can all be set at its start.
 */
void set_counters_first(CUgraph graph) {
  const auto& driver = Driver::get();
  CUcontext context = nullptr;
  check(driver.context(&context), "asking for the context");
  for (const auto node : nodes_of(graph)) {
    if (type_of(node) != CU_GRAPH_NODE_TYPE_GRAPH) continue;
    CUgraph inside = nullptr;
    check(driver.child(node, &inside), "opening a child graph");
    for (const auto part : nodes_of(inside)) {
      if (type_of(part) != CU_GRAPH_NODE_TYPE_MEMSET) continue;
      CUDA_MEMSET_NODE_PARAMS params{};
      check(driver.memset_params(part, &params), "reading a memset");
      CUgraphNode first = nullptr;
      check(driver.add_memset(&first, graph, nullptr, 0, &params, context), "adding a memset");
      check(driver.add_dependencies(graph, &first, &node, 1), "ordering");
      check(driver.remove(part), "removing a memset");
    }
  }
}

/** The arrays that must be computed for `out`, inputs before results. */
std::vector<mx::array> tape(const mx::array& out) {
  std::vector<mx::array> order;
  std::unordered_set<std::uintptr_t> seen;
  std::vector<std::pair<mx::array, size_t>> path;
  const auto visit = [&](const mx::array& x) {
    if (x.status() != mx::array::Status::unscheduled || !x.has_primitive() || seen.count(x.id())) return;
    seen.insert(x.id());
    for (const auto& sibling : x.siblings()) seen.insert(sibling.id());
    path.emplace_back(x, 0);
  };
  visit(out);
  while (!path.empty()) {
    const mx::array x = path.back().first;
    if (path.back().second < x.inputs().size()) {
      visit(x.inputs()[path.back().second++]);
    } else {
      order.push_back(x);
      path.pop_back();
    }
  }
  return order;
}

using Memory = std::vector<std::shared_ptr<mx::array::Data>>;

/** Encodes the kernels of x. Memory of inputs and results is kept, so that no later array gets it. */
void encode(mx::array x, Memory& memory) {
  if (x.primitive().device() != mx::Device::gpu)
    fail(ErrorCode::internal, "cuda_graph", fmt::format("{} runs on the CPU; expected the GPU", x.primitive().name()));
  for (const auto& input : x.inputs()) memory.push_back(input.data_shared_ptr());
  auto outputs = x.outputs();
  x.primitive().eval_gpu(x.inputs(), outputs);
  for (auto& output : outputs) {
    memory.push_back(output.data_shared_ptr());
    output.set_status(mx::array::Status::available);
  }
  x.detach();
}

}  // namespace

struct CudaGraph::State {
  std::vector<mx::array> inputs, values;
  mx::array out;
  Memory memory;
  CUgraphExec graph = nullptr;

  State(std::vector<mx::array> in, const mx::array& result) : inputs(std::move(in)), out(result) {}
  ~State() {
    if (graph) Driver::get().destroy(graph);
  }

  /** Takes the encoder's graph away before it is launched. */
  void take(CommandEncoder& encoder) {
    auto& from = encoder.*open(FromKey{});
    auto& to = encoder.*open(ToKey{});
    const cudaGraph_t recorded = encoder.*open(GraphKey{});
    if (!from.empty()) check(Driver::get().add_dependencies(recorded, from.data(), to.data(), from.size()), "ordering");
    set_counters_first(recorded);
    check(Driver::get().instantiate(&graph, recorded, 0), "instantiating");
    auto& temporaries = encoder.*open(TemporariesKey{});
    memory.insert(memory.end(), temporaries.begin(), temporaries.end());
  }

  static void clear(CommandEncoder& encoder) {
    (encoder.*open(TemporariesKey{})).clear();
    (encoder.*open(ClearKey{}))();
    encoder.*open(CountKey{}) = 0;
    encoder.*open(BytesKey{}) = 0;
  }
};

bool CudaGraph::available() {
  return on_cuda();
}

size_t CudaGraph::bytes(const mx::array& out) {
  // Nearly always another view of their input's memory:.
  static const std::unordered_set<std::string_view> views{"Broadcast", "ExpandDims", "Flatten",   "Reshape",  "Slice",
                                                          "Split",     "Squeeze",    "Transpose", "Unflatten"};
  size_t sum = 0;
  for (const auto& x : tape(out)) sum += views.count(x.primitive().name()) ? 0 : x.nbytes();
  return sum;
}

CudaGraph::CudaGraph(std::vector<mx::array> inputs, const mx::array& out)
    : state_(std::make_unique<State>(std::move(inputs), out)) {
  mx::synchronize();  // nothing of others is in the encoder's graph
  auto& encoder = mx::cu::get_command_encoder(mx::default_stream(mx::Device::gpu));
  try {
    for (const auto& x : tape(out)) encode(x, state_->memory);
    state_->take(encoder);
  } catch (...) {
    State::clear(encoder);
    throw;
  }
  State::clear(encoder);
}

CudaGraph::~CudaGraph() = default;

mx::array CudaGraph::operator()(const std::vector<mx::array>& values) {
  auto& s = *state_;
  s.values.clear();
  for (size_t i = 0; i < s.inputs.size(); ++i) {
    check_shape(values.at(i), s.inputs[i].shape(), "cuda_graph");
    s.values.push_back(mx::contiguous(mx::astype(values[i], s.inputs[i].dtype())));
  }
  mx::async_eval(s.values);  // on the stream that the copies below are on: the host need not wait
  auto& encoder = mx::cu::get_command_encoder(mx::default_stream(mx::Device::gpu));
  encoder.device().make_current();
  const auto address = [](const mx::array& x) { return reinterpret_cast<CUdeviceptr>(mx::gpu_ptr<void>(x)); };
  for (size_t i = 0; i < s.inputs.size(); ++i)
    check(Driver::get().copy(address(s.inputs[i]), address(s.values[i]), s.inputs[i].nbytes(), encoder.stream()),
          "copying an input");
  check(Driver::get().launch(s.graph, encoder.stream()), "launching");
  // The graph's own result is overwritten by the next launch.
  auto result = s.out * like(1, s.out);
  mx::async_eval({result});
  return result;
}

}  // namespace corepulse::kernels
