// Whole networks of Stable Diffusion 1.5's true shapes with random weights, and the built-in model: seconds per call,
// peak memory, and with --profile the share of every kernel.
//   unet_bench [--profile] [--repeat N] [case or part of a name]
//   unet_bench [--dtype f32|bf16|int8] ...
//   unet_bench --ask            answers a case per line with JSON, as bench/peers/serve.py says: bench.py's turns
// Cases: unet sd15 SIZE batch N, unet builtin SIZE batch N, vae decode SIZE, picture builtin SIZE STEPS.
// One line per case: median, minimum and maximum seconds; processor seconds per call and thread, which other programs
// disturb less (with OMP_WAIT_POLICY=passive, else waiting counts); GB of weights and peak of MLX's arrays.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "corepulse/pipeline.h"

#include "mlx/memory.h"
#include "mlx/random.h"
#include "mlx/transforms.h"

#include "../tests/support/plain_control.h"
#include "kernels/cpu/profile.h"
#include "kernels/device.h"
#include "model/config/derive.h"
#include "model/model.h"
#include "random_tensors.h"

namespace corepulse {
namespace {

struct Options {
  bool profile = false, ask = false;
  ComputeType dtype = ComputeType::float32;
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

/** A network's call, ready to be timed. */
struct Case {
  double weights = 0;  // bytes
  std::function<void()> call;
};

/** Times a case after one call that packs the weights. */
void report(const std::string& name, const Case& timed) {
  timed.call();
  mx::reset_peak_memory();
  if (options.profile) kernels::start_profile();
  std::vector<double> times;
  const auto clock = std::clock();
  for (int i = 0; i < options.repeat; ++i) times.push_back(seconds(timed.call));
  const double processor = static_cast<double>(std::clock() - clock) / CLOCKS_PER_SEC / options.repeat;
  std::sort(times.begin(), times.end());
  std::printf("%-29s median %7.3f  min %7.3f  max %7.3f  processor %7.3f s  weights %5.2f  peak %5.2f GB\n",
              name.c_str(), times[times.size() / 2], times.front(), times.back(), processor / kernels::threads(),
              timed.weights / 1e9, static_cast<double>(mx::get_peak_memory()) / 1e9);
  double total = 0;
  for (const double t : times) total += t;
  if (options.profile) print_profile(total, options.repeat);
  std::fflush(stdout);
}

mx::Dtype dtype() {
  return options.dtype == ComputeType::bfloat16 ? mx::bfloat16 : mx::float32;
}

bool int8() {
  return options.dtype == ComputeType::int8;
}

ComputeType type_of(const std::string& name) {
  return name == "bf16" ? ComputeType::bfloat16 : name == "int8" ? ComputeType::int8 : ComputeType::float32;
}

mx::array normal(const mx::Shape& shape) {
  auto x = mx::random::normal(shape, dtype());
  x.eval();
  return x;
}

Case unet_case(const unet::UNet& network, int batch, int size, double weights) {
  const auto x = normal({batch, size / 8, size / 8, network.config().in_channels});
  const std::vector<mx::array> texts{normal({1, 77, network.config().context_width}),
                                     normal({1, 77, network.config().context_width})};
  control::Step step;
  step.t = 500;
  for (int row = 0; row < batch; ++row) step.rows.push_back({row / 2, row % 2 == 1});
  const auto cache = std::make_shared<attention::RunCache>();
  return {weights, [=, &network] {
            const test::PlainControl control;
            network(x, {control, step, texts, *cache}).eval();
          }};
}

/** Networks are made once, when a case first needs them, and kept. */
const unet::UNet& sd15_unet(double& weights) {
  static double bytes = 0;
  static const auto network = [] {
    auto tensors = random_tensors(io::Naming::ldm_unet, test::unet_shapes(test::sd1_unet(), ""), bytes);
    const auto config = model::derive_unet(tensors, Family::sd1, "bench");
    return std::make_unique<unet::UNet>(nn::Weights(std::move(tensors), "unet", dtype(), {}, int8()), config);
  }();
  weights = bytes / sizeof(float) * (int8() ? 1 : size_of(dtype()));
  return *network;
}

const vae::Autoencoder& sd_vae(double& weights) {
  static double bytes = 0;
  static const auto network = [] {
    auto tensors = random_tensors(io::Naming::ldm_vae, test::vae_shapes(""), bytes);
    const auto config = model::derive_vae(tensors, Family::sd1, "bench");
    return std::make_unique<vae::Autoencoder>(nn::Weights(std::move(tensors), "vae", dtype()), config);
  }();
  weights = bytes / sizeof(float) * size_of(dtype());
  return *network;
}

const unet::UNet& builtin_unet(double& weights) {
  static const auto parts = model::understand({.model = "builtin"});
  static const auto loaded = model::load(parts, {dtype(), int8()});
  weights = static_cast<double>(model::weight_bytes(parts, {dtype(), int8()}));
  return loaded->unet;
}

Case picture_case(int size, int steps) {
  static const auto pipeline = Pipeline::load({.model = "builtin"}, {.dtype = options.dtype});
  Request request;
  request.recipe.prompt = "a cat in a park";
  request.recipe.steps = steps;
  request.recipe.width = request.recipe.height = size;
  return {0, [=] { pipeline.generate(request); }};
}

/** The case that a name asks for; without a call where it is no case's name. */
Case make_case(const std::string& name) {
  int size = 0, n = 0;
  double weights = 0;
  if (std::sscanf(name.c_str(), "unet sd15 %d batch %d", &size, &n) == 2) {
    const auto& network = sd15_unet(weights);
    return unet_case(network, n, size, weights);
  }
  if (std::sscanf(name.c_str(), "unet builtin %d batch %d", &size, &n) == 2) {
    const auto& network = builtin_unet(weights);
    return unet_case(network, n, size, weights);
  }
  if (std::sscanf(name.c_str(), "vae decode %d", &size) == 1) {
    const auto& network = sd_vae(weights);
    const auto latent = normal({1, size / 8, size / 8, 4});
    return {weights, [=, &network] { network.decode(latent).eval(); }};
  }
  if (std::sscanf(name.c_str(), "picture builtin %d %d", &size, &n) == 2) return picture_case(size, n);
  return {};
}

void run_all() {
  const std::vector<std::string> names{"unet builtin 256 batch 2", "picture builtin 256 20", "vae decode 512",
                                       "vae decode 1024",          "unet sd15 512 batch 2",  "unet sd15 512 batch 1",
                                       "unet sd15 256 batch 2"};
  std::printf("%s, %s, %d threads\n", version().c_str(), kernels::isa().c_str(), kernels::threads());
  int found = 0;
  for (const auto& name : names) {
    if (name.find(options.wanted) == std::string::npos) continue;
    report(name, make_case(name));
    ++found;
  }
  if (found > 0) return;
  if (const auto other = make_case(options.wanted); other.call) report(options.wanted, other);
}

/** Of the whole process so far, as the peers report it. */
double peak_gb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
  return static_cast<double>(usage.ru_maxrss) / 1e9;
#else
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e9;
#endif
}

/** Times one call per line of standard input. */
void answer() {
  std::printf(R"({"ready": "%s", "threads": %d, "isa": "%s"})"
              "\n",
              version().c_str(), kernels::threads(), kernels::isa().c_str());
  std::fflush(stdout);
  std::map<std::string, Case> cases;
  for (std::string name; std::getline(std::cin, name);) {
    try {
      auto at = cases.find(name);
      if (at == cases.end()) at = cases.emplace(name, make_case(name)).first;
      if (!at->second.call) {
        std::printf(R"({"error": "no such case"})"
                    "\n");
      } else {
        const double time = seconds(at->second.call);
        std::printf(R"({"seconds": %.9g, "peak_gb": %.4g})"
                    "\n",
                    time, peak_gb());
      }
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      std::printf(R"({"error": "failed; standard error says why"})"
                  "\n");
    }
    std::fflush(stdout);
  }
}

void run(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--profile") == 0)
      options.profile = true;
    else if (std::strcmp(argv[i], "--ask") == 0)
      options.ask = true;
    else if (std::strcmp(argv[i], "--dtype") == 0 && i + 1 < argc)
      options.dtype = type_of(argv[++i]);
    else if (std::strcmp(argv[i], "--repeat") == 0 && i + 1 < argc)
      options.repeat = std::max(1, std::atoi(argv[++i]));
    else
      options.wanted = argv[i];
  }
  mx::set_cache_limit(size_t{1} << 30);  // as the pipeline does
  if (options.ask)
    answer();
  else
    run_all();
}

}  // namespace
}  // namespace corepulse

int main(int argc, char** argv) {
  corepulse::run(argc, argv);
}
