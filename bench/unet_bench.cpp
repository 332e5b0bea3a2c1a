// Whole networks of Stable Diffusion 1.5's true shapes with random weights, and the built-in model: seconds per call,
// peak memory, and with --profile the share of every kernel.
//   unet_bench [--profile] [--repeat N] [part of a name]
// One line per case: median, minimum and maximum seconds; processor seconds per call and thread, which other programs
// disturb less (with OMP_WAIT_POLICY=passive, else waiting counts); GB of weights and peak of MLX's arrays.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "corepulse/pipeline.h"

#include "mlx/memory.h"
#include "mlx/random.h"
#include "mlx/transforms.h"

#include "../tests/support/plain_control.h"
#include "kernels/device.h"
#include "kernels/profile.h"
#include "model/derive.h"
#include "model/model.h"
#include "random_tensors.h"

namespace corepulse {
namespace {

struct Options {
  bool profile = false;
  int repeat = 5;
  std::string wanted;
} options;

double seconds(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void print_profile(double total, int calls) {
  double known = 0;
  for (const auto& time : kernels::stop_profile()) {
    known += time.seconds;
    if (time.seconds < 0.002 * total) continue;
    std::printf("  %5.1f %%  %8.2f ms  %5.1f x  %-14s %s\n", 100 * time.seconds / total, 1e3 * time.seconds / calls,
                static_cast<double>(time.calls) / calls, time.kernel.c_str(), time.shape.c_str());
  }
  std::printf("  %5.1f %%  %8.2f ms           everything else\n", 100 * (1 - known / total),
              1e3 * (total - known) / calls);
}

/** Times `call` after one that packs the weights. */
void report(const char* name, double weights, const std::function<void()>& call) {
  call();
  mx::reset_peak_memory();
  if (options.profile) kernels::start_profile();
  std::vector<double> times;
  const auto clock = std::clock();
  for (int i = 0; i < options.repeat; ++i) times.push_back(seconds(call));
  const double processor = static_cast<double>(std::clock() - clock) / CLOCKS_PER_SEC / options.repeat;
  std::sort(times.begin(), times.end());
  std::printf("%-29s median %7.3f  min %7.3f  max %7.3f  processor %7.3f s  weights %5.2f  peak %5.2f GB\n", name,
              times[times.size() / 2], times.front(), times.back(), processor / kernels::threads(), weights / 1e9,
              static_cast<double>(mx::get_peak_memory()) / 1e9);
  double total = 0;
  for (const double t : times) total += t;
  if (options.profile) print_profile(total, options.repeat);
  std::fflush(stdout);
}

bool skip(const std::string& name) {
  return name.find(options.wanted) == std::string::npos;
}

mx::array normal(const mx::Shape& shape) {
  auto x = mx::random::normal(shape, mx::float32);
  x.eval();
  return x;
}

void time_unet(const char* name, const unet::UNet& network, int batch, int size, double weights) {
  if (skip(name)) return;
  const auto x = normal({batch, size, size, network.config().in_channels});
  const std::vector<mx::array> texts{normal({1, 77, network.config().context_width}),
                                     normal({1, 77, network.config().context_width})};
  const test::PlainControl control;
  control::Step step;
  step.t = 500;
  for (int row = 0; row < batch; ++row) step.rows.push_back({row / 2, row % 2 == 1});
  unet::RunCache cache;
  report(name, weights, [&] { network(x, {control, step, texts, cache}).eval(); });
}

void sd15_unet() {
  constexpr const char* kNames[] = {"unet sd15 512 batch 2", "unet sd15 512 batch 1", "unet sd15 256 batch 2"};
  if (std::all_of(std::begin(kNames), std::end(kNames), skip)) return;
  double bytes = 0;
  auto tensors = random_tensors(model::Naming::ldm_unet, test::unet_shapes(test::sd1_unet(), ""), bytes);
  const auto config = model::derive_unet(tensors, Family::sd1, "bench");
  const unet::UNet network(nn::Weights(std::move(tensors), "unet", mx::float32), config);
  time_unet(kNames[0], network, 2, 64, bytes);
  time_unet(kNames[1], network, 1, 64, bytes);
  time_unet(kNames[2], network, 2, 32, bytes);
}

void sd15_vae() {
  constexpr const char* kNames[] = {"vae decode 512", "vae decode 1024"};
  if (std::all_of(std::begin(kNames), std::end(kNames), skip)) return;
  double bytes = 0;
  auto tensors = random_tensors(model::Naming::ldm_vae, test::vae_shapes(""), bytes);
  const auto config = model::derive_vae(tensors, Family::sd1, "bench");
  const vae::Autoencoder network(nn::Weights(std::move(tensors), "vae", mx::float32), config);
  for (const int size : {64, 128}) {
    const char* name = kNames[size == 128];
    if (skip(name)) continue;
    const auto latent = normal({1, size, size, 4});
    report(name, bytes, [&] { network.decode(latent).eval(); });
  }
}

void built_in() {
  if (const auto name = "unet builtin 256 batch 2"; !skip(name)) {
    const auto parts = model::understand({.model = "builtin"});
    const auto loaded = model::load(parts, mx::float32);
    time_unet(name, loaded->unet, 2, 32, static_cast<double>(model::weight_bytes(parts, mx::float32)));
  }
  if (const auto name = "picture builtin 256, 20 steps"; !skip(name)) {
    const auto pipeline = Pipeline::load({.model = "builtin"});
    Request request;
    request.recipe.prompt = "a cat in a park";
    request.recipe.steps = 20;
    report(name, 0, [&] { pipeline.generate(request); });
  }
}

void run(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--profile") == 0)
      options.profile = true;
    else if (std::strcmp(argv[i], "--repeat") == 0 && i + 1 < argc)
      options.repeat = std::max(1, std::atoi(argv[++i]));
    else
      options.wanted = argv[i];
  }
  mx::set_cache_limit(size_t{1} << 30);  // as the pipeline does
  std::printf("%s, %s, %d threads\n", version().c_str(), kernels::isa().c_str(), kernels::threads());
  built_in();
  sd15_vae();
  sd15_unet();
}

}  // namespace
}  // namespace corepulse

int main(int argc, char** argv) {
  corepulse::run(argc, argv);
}
