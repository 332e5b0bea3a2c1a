#include "kernels/cuda/graph.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "mlx/backend/cuda/device.h"
#include "mlx/backend/cuda/utils.h"
#include "mlx/primitives.h"
#include "mlx/transforms.h"

#include "base/fail.h"
#include "kernels/cuda/counters.h"
#include "kernels/cuda/driver.h"
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

/** The nodes, each after those that it needs by edges from[i] -> to[i], else in the order given. */
std::vector<CUgraphNode> in_line(const std::vector<CUgraphNode>& nodes, const std::vector<CUgraphNode>& from,
                                 const std::vector<CUgraphNode>& to) {
  std::unordered_map<CUgraphNode, size_t> place;
  for (size_t i = 0; i < nodes.size(); ++i) place[nodes[i]] = i;
  std::vector<std::vector<size_t>> followers(nodes.size());
  std::vector<int> waits(nodes.size());
  for (size_t i = 0; i < from.size(); ++i)
    followers[place.at(from[i])].push_back(place.at(to[i])), ++waits[place.at(to[i])];
  std::set<size_t> ready;
  for (size_t i = 0; i < nodes.size(); ++i)
    if (waits[i] == 0) ready.insert(i);
  std::vector<CUgraphNode> line;
  while (!ready.empty()) {
    const size_t next = ready.extract(ready.begin()).value();
    line.push_back(nodes[next]);
    for (const size_t follower : followers[next])
      if (--waits[follower] == 0) ready.insert(follower);
  }
  return line;
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
  std::optional<Counters> counters;
  CUgraphExec graph = nullptr;

  State(std::vector<mx::array> in, const mx::array& result) : inputs(std::move(in)), out(result) {}
  ~State() {
    if (graph) CudaDriver::get().destroy(graph);
  }

  /**
   * Takes the encoder's graph away before it is launched, as one line: the driver launches that faster, and the GPU
   * has less to decide between kernels, of which hardly any could run beside another.
   */
  void take(CommandEncoder& encoder) {
    const cudaGraph_t recorded = encoder.*open(GraphKey{});
    auto nodes = nodes_of(recorded);
    counters = clear_counters_together(recorded);
    if (counters) nodes.insert(nodes.begin(), counters->node);
    const auto line = in_line(nodes, encoder.*open(FromKey{}), encoder.*open(ToKey{}));
    if (line.size() > 1)
      check_cuda(CudaDriver::get().add_dependencies(recorded, line.data(), line.data() + 1, line.size() - 1),
                 "ordering");
    check_cuda(CudaDriver::get().instantiate(&graph, recorded, 0), "instantiating");
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
  std::vector<mx::array> late;
  for (size_t i = 0; i < s.inputs.size(); ++i) {
    const mx::array& x = values.at(i);
    check_shape(x, s.inputs[i].shape(), "cuda_graph");
    const bool ready = x.is_available() && x.flags().row_contiguous && x.dtype() == s.inputs[i].dtype();
    s.values.push_back(ready ? x : mx::contiguous(mx::astype(x, s.inputs[i].dtype())));
    if (!ready) late.push_back(s.values.back());
  }
  if (!late.empty()) mx::async_eval(late);  // on the stream that the copies below are on: the host need not wait
  auto& encoder = mx::cu::get_command_encoder(mx::default_stream(mx::Device::gpu));
  encoder.device().make_current();
  const auto address = [](const mx::array& x) { return reinterpret_cast<CUdeviceptr>(mx::gpu_ptr<void>(x)); };
  for (size_t i = 0; i < s.inputs.size(); ++i)
    check_cuda(
        CudaDriver::get().copy(address(s.inputs[i]), address(s.values[i]), s.inputs[i].nbytes(), encoder.stream()),
        "copying an input");
  check_cuda(CudaDriver::get().launch(s.graph, encoder.stream()), "launching");
  // The graph's own result is overwritten by the next launch.
  auto result = s.out * like(1, s.out);
  mx::async_eval({result});
  return result;
}

}  // namespace corepulse::kernels
