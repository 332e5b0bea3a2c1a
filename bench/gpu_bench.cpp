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

/** A number for every pixel, and for every key of a text. */
control::Values constant(size_t count, float value) {
  return std::make_shared<const std::vector<float>>(count, value);
}

/** Rows of role 2 look at themselves alone in the middle block (perturbed-attention guidance). */
void perturb(control::AttentionPlan& plan, const control::Site& site, const control::Step& step) {
  for (size_t row = 0; row < step.rows.size(); ++row)
    plan.rows[row][0].identity = step.rows[row].role == 2 && !site.cross && site.kind == control::BlockKind::middle;
}

/** The prompt's rows are pushed away from text 1 in every cross-attention. */
void normalise(control::AttentionPlan& plan, const control::Site& site, const control::Step& step) {
  static const auto half = constant(1, 0.5f);
  if (!site.cross) return;
  plan.finishes.assign(step.rows.size(), {});
  for (size_t row = 0; row < step.rows.size(); ++row) {
    control::Finish finish{.scale = 2, .limit = 2.5, .share = half};
    finish.against = {{.sources = {{control::Source::Kind::text, 1}}}};
    if (step.rows[row].conditional()) plan.finishes[row] = {finish};
  }
}

/** Image 1 looks at the words, through a map, and at the picture as image 0 does (prompt-to-prompt). */
test::EditedControl::Edit edit_prompt(bool refine) {
  std::vector<float> numbers(77 * 77), kept(77 * 77);
  for (int i = 0; i < 77; ++i) numbers[i * 77 + (i + 76) % 77] = 1, kept[i * 77 + i] = i % 2 ? 1.f : 0.f;
  const auto map = std::make_shared<const std::vector<float>>(numbers);
  const auto own = std::make_shared<const std::vector<float>>(kept);
  return [=](control::AttentionPlan& plan, const control::Site& site, const control::Step& step) {
    const control::Source base{control::Source::Kind::image, 0};
    for (size_t row = 0; row < step.rows.size(); ++row) {
      if (step.rows[row].image == 0 || !step.rows[row].conditional()) continue;
      auto& mine = plan.rows[row][0];
      auto other = mine;
      other.query = base;
      if (site.cross)
        other.values = {{control::Source::Kind::text, 2}}, other.map = map, mine.sources = other.values;
      else
        other.sources = {base}, other.values = {{control::Source::Kind::own, 0}};
      other.added = refine && site.cross;
      if (other.added) mine.map = own;
      plan.rows[row] = other.added ? std::vector{mine, other} : std::vector{other};
    }
  };
}

void time_model(const std::string& name, const test::LdmUNet& shape, Family family, int size) {
  if (name.find(wanted) == std::string::npos) return;
  double bytes = 0;
  auto tensors = random_tensors(io::Naming::ldm_unet, test::unet_shapes(shape, ""), bytes);
  const auto config = model::derive_unet(tensors, family, "bench");
  const unet::UNet network(nn::Weights(std::move(tensors), "unet", mx::float16), config);
  const auto most = normal({4, size, size, config.in_channels});
  std::vector<mx::array> texts;
  for (int i = 0; i < 3; ++i) texts.push_back(normal({1, 77, config.context_width}));
  control::Step step;
  step.t = 500;
  step.rows = {{0, false}, {0, true}};
  const auto x_of = [&] { return mx::slice(most, {0, 0, 0, 0}, {int(step.rows.size()), size, size, most.shape(3)}); };
  const auto added_of = [&]() -> std::optional<unet::AddedConditioning> {
    if (!config.addition_input) return {};
    const std::vector<std::vector<float>> sizes(step.rows.size(), {1024, 1024, 0, 0, 1024, 1024});
    return unet::AddedConditioning{normal({int(step.rows.size()), 1280}), sizes};
  };
  const auto time = [&](const std::string& what, const control::Control& control, double plain = 0) {
    attention::RunCache cache;
    engine::Replay replay(network);
    const auto x = x_of();
    const auto added = added_of();
    const attention::Pass pass{control, step, texts, cache};
    return report(name + " " + what, [&] { return replay(network.inputs(x, pass, added), pass); }, plain);
  };
  const auto x = x_of();
  const auto added = added_of();
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
  step.rows = {{0, false}, {0, true}, {0, 2}};
  time("guide by identity", test::EditedControl(perturb), plain);
  step.rows = {{0, true}};
  const double unguided = time("plain, one row", none);
  time("normalised, one row", test::EditedControl(normalise), unguided);
  step.rows = {{0, false}, {1, false}, {0, true}, {1, true}};
  const double images = time("plain, two images", none);
  time("p2p replace", test::EditedControl(edit_prompt(false)), images);
  time("p2p refine", test::EditedControl(edit_prompt(true)), images);
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
