// UNet calls of Stable Diffusion 1.5 (512 x 512) and SDXL (1024 x 1024) in float16 on a GPU, two rows, random weights.
//   gpu_bench [--repeat N] [part of a name]
// One line per case in milliseconds, medians: graph is making MLX's graph, encode until the host has handed everything
// to the GPU, wait what remains until the GPU is done. Where wait is near 0 the host is the limit.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "mlx/memory.h"
#include "mlx/random.h"
#include "mlx/transforms.h"

#include "../tests/support/plain_control.h"
#include "engine/replay.h"
#include "model/config/derive.h"
#include "random_tensors.h"

namespace corepulse {
namespace {

int repeat = 20;
std::string wanted;

double now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

/** Times what `call` builds. @return the median of whole calls, ms. */
double report(const std::string& name, const std::function<mx::array()>& call, double plain = 0) {
  for (int i = 0; i < 3; ++i) call().eval();
  mx::synchronize();
  mx::reset_peak_memory();
  std::vector<double> graph, encode, wait, whole;
  for (int i = 0; i < repeat; ++i) {
    const double start = now();
    auto y = call();
    const double built = now();
    mx::async_eval({y});
    const double encoded = now();
    y.wait();
    const double done = now();
    graph.push_back(built - start), encode.push_back(encoded - built), wait.push_back(done - encoded);
    whole.push_back(done - start);
  }
  const auto [least, most] = std::minmax_element(whole.begin(), whole.end());
  std::printf("%-26s %8.2f ms [%.2f .. %.2f]  graph %6.2f  encode %6.2f  wait %6.2f  peak %5.2f GB", name.c_str(),
              median(whole), *least, *most, median(graph), median(encode), median(wait),
              static_cast<double>(mx::get_peak_memory()) / 1e9);
  if (plain > 0) std::printf("  %.3f x plain", median(whole) / plain);
  std::printf("\n");
  std::fflush(stdout);
  return median(whole);
}

mx::array normal(const mx::Shape& shape) {
  auto x = mx::astype(mx::random::normal(shape, mx::float32), mx::float16);
  x.eval();
  return x;
}

/** The conditional row reads text 2 instead of, or with the soft share of every pixel beside, its own. */
test::EditedControl::Edit injection(bool everywhere, bool soft) {
  return [=](control::AttentionPlan& plan, const control::Site& site, const control::Step& step) {
    if (!site.cross || (!everywhere && site.kind != control::BlockKind::middle)) return;
    for (size_t row = 0; row < step.rows.size(); ++row) {
      if (!step.rows[row].conditional()) continue;
      auto other = plan.rows[row][0];
      other.sources[0].id = 2;
      if (!soft) {
        plan.rows[row] = {other};
        continue;
      }
      static const auto half = std::make_shared<const std::vector<float>>(1, 0.5f);
      plan.rows[row][0].share = other.share = half;
      plan.rows[row].push_back(other);
    }
  };
}

void time_model(const std::string& name, const test::LdmUNet& shape, Family family, int size) {
  if (name.find(wanted) == std::string::npos) return;
  double bytes = 0;
  auto tensors = random_tensors(model::Naming::ldm_unet, test::unet_shapes(shape, ""), bytes);
  const auto config = model::derive_unet(tensors, family, "bench");
  const unet::UNet network(nn::Weights(std::move(tensors), "unet", mx::float16), config);
  const auto x = normal({2, size, size, config.in_channels});
  std::vector<mx::array> texts;
  for (int i = 0; i < 3; ++i) texts.push_back(normal({1, 77, config.context_width}));
  control::Step step;
  step.t = 500;
  step.rows = {{0, false}, {0, true}};
  std::optional<unet::AddedConditioning> added;
  if (config.addition_input) added = {normal({2, 1280}), {2, {1024, 1024, 0, 0, 1024, 1024}}};
  const auto time = [&](const std::string& what, const control::Control& control, double plain = 0) {
    attention::RunCache cache;
    engine::Replay replay(network);
    return report(name + " " + what, [&] { return replay(x, {control, step, texts, cache}, added); }, plain);
  };
  const test::PlainControl none;
  attention::RunCache cache;
  const auto once = [&] { return network(x, {none, step, texts, cache}, added); };
  report(name + " kernel by kernel", once);
  std::printf("%s: a recording holds %.2f GB\n", name.c_str(),
              static_cast<double>(kernels::CudaGraph::bytes(once())) / 1e9);
  const double plain = time("plain", none);
  time("inject middle", test::EditedControl(injection(false, false)), plain);
  time("inject everywhere", test::EditedControl(injection(true, false)), plain);
  time("half inject everywhere", test::EditedControl(injection(true, true)), plain);
}

}  // namespace
}  // namespace corepulse

int main(int argc, char** argv) {
  using namespace corepulse;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--repeat" && i + 1 < argc)
      repeat = std::max(1, std::atoi(argv[++i]));
    else
      wanted = word;
  }
  time_model("sd15", test::sd1_unet(), Family::sd1, 64);
  time_model("sdxl", test::sdxl_unet(), Family::sdxl, 128);
}
