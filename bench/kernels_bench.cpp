// How fast the CPU kernels are on Stable Diffusion's shapes, next to this machine's peak and matrix product rate
// measured in the same run: absolute numbers drift with the machine's other work, ratios much less.
//   kernels_bench [--dtype bf16] [part of a name]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <string>
#include <vector>

#include "mlx/memory.h"
#include "mlx/random.h"
#include "mlx/transforms.h"

#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/conv2d.h"
#include "kernels/device.h"
#include "kernels/linear.h"
#include "kernels/norm.h"
#include "peak.h"

namespace corepulse {
namespace {

using Compute = std::function<mx::array()>;

/** Seconds on the clock; with one thread those the process computed, which other programs disturb less. */
double now() {
  if (kernels::threads() == 1) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double seconds(const std::function<void()>& f) {
  const double start = now();
  f();
  return now() - start;
}

/** Median over at least 5 runs and half a second, after one that packs and compiles. */
double median_seconds(const std::function<void()>& f) {
  f();
  std::vector<double> times;
  for (double total = 0; times.size() < 5 || (total < 0.5 && times.size() < 200); total += times.back())
    times.push_back(seconds(f));
  std::nth_element(times.begin(), times.begin() + static_cast<long>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

double sgemm_rate() {
  omp_set_num_threads(kernels::threads());
  constexpr dnnl_dim_t n = 2048;
  static const std::vector<float> a(n * n, 0.5f), b(n * n, 0.25f);
  static std::vector<float> c(n * n);
  const double s = median_seconds([&] { dnnl_sgemm('N', 'N', n, n, n, 1, a.data(), n, b.data(), n, 0, c.data(), n); });
  return 2e-9 * n * n * n / s;
}

std::string wanted;  // of the command line
mx::Dtype dtype = mx::float32;

/** float32, as biases and the norms' parameters are. */
mx::array parameters(const mx::Shape& shape) {
  auto x = mx::random::uniform(-1.0f, 1.0f, shape, mx::float32);
  x.eval();
  return x;
}

mx::array uniform(const mx::Shape& shape) {
  auto x = mx::astype(parameters(shape), dtype);
  x.eval();
  return x;
}

double sgemm = 0;

bool skip(const std::string& name) {
  return name.find(wanted) == std::string::npos;
}

/** One line; `work` in GFLOP, or in GB if `bytes`. */
void report(const std::string& name, double work, bool bytes, const Compute& compute) {
  if (skip(name)) return;
  const double s = median_seconds([&] { compute().eval(); });
  if (bytes) {
    std::printf("%-34s %9.3f ms %8.1f GB/s\n", name.c_str(), s * 1e3, work / s);
  } else {
    std::printf("%-34s %9.3f ms %8.1f GFLOP/s %6.2f x sgemm\n", name.c_str(), s * 1e3, work / s, work / s / sgemm);
  }
  std::fflush(stdout);
}

void attention(const char* name, int batch, int heads, int queries, int keys, int size) {
  if (skip(name)) return;
  const int width = heads * size;
  const auto q = uniform({batch, queries, width}), k = uniform({batch, keys, width}), v = uniform({batch, keys, width});
  const kernels::AttentionOptions options{heads, 1 / std::sqrt(static_cast<float>(size)), false, {}};
  report(name, 4e-9 * batch * queries * keys * width, false, [&] { return kernels::attention(q, k, v, options); });
}

void linear(const char* name, int rows, int out, int in) {
  if (skip(name)) return;
  const kernels::Linear layer(uniform({out, in}), parameters({out}));
  const auto x = uniform({rows, in});
  report(name, 2e-9 * rows * out * in, false, [&] { return layer(x); });
}

void conv(const char* name, int batch, int size, int in, int out, int kernel, int stride = 1) {
  if (skip(name)) return;
  const kernels::Conv2d layer(uniform({out, kernel, kernel, in}), parameters({out}), stride,
                              kernels::Padding::same(kernel / 2));
  const auto x = uniform({batch, size, size, in});
  const double pixels = 1.0 * batch * size * size / stride / stride;
  report(name, 2e-9 * pixels * out * in * kernel * kernel, false, [&] { return layer(x); });
}

void elementwise(int batch, int size, int channels) {
  const auto x = uniform({batch, size, size, channels}), weight = parameters({channels}), bias = parameters({channels});
  const auto wide = uniform({batch, size * size, 8 * channels});
  const double gb = 1e-9 * static_cast<double>(x.nbytes());
  report("group_norm + silu 320 @64", 3 * gb, true,
         [&] { return kernels::group_norm(x, weight, bias, 32, 1e-5f, true); });
  report("layer_norm 320 @64", 2 * gb, true, [&] { return kernels::layer_norm(x, weight, bias, 1e-5f); });
  report("silu 320 @64", 2 * gb, true, [&] { return kernels::silu(x); });
  report("geglu 2560 @64", 12 * gb, true, [&] { return kernels::geglu(wide); });
  report("upsample2x 320 @64", 5 * gb, true, [&] { return kernels::upsample2x(x); });
  report("MLX's add 320 @64", 3 * gb, true, [&] { return x + x; });
}

void run() {
  mx::set_cache_limit(size_t{4} << 30);  // as the engine does: fresh memory costs more than computing
  std::printf("%s, %d threads\n", kernels::isa().c_str(), kernels::threads());
  std::printf("%-34s %21.1f GFLOP/s\n", "peak", bench::peak_gflops(kernels::threads()));
  std::printf("%-34s %21.1f GB/s\n", "copy", bench::copy_rate(kernels::threads()));
  sgemm = sgemm_rate();
  std::printf("%-34s %21.1f GFLOP/s\n", "sgemm 2048", sgemm);
  attention("attention self 4096 d40", 2, 8, 4096, 4096, 40);
  attention("attention self 1024 d80", 2, 8, 1024, 1024, 80);
  attention("attention self 256 d160", 2, 8, 256, 256, 160);
  attention("attention self 4096 d64 (SDXL)", 2, 10, 4096, 4096, 64);
  attention("attention VAE 4096 d512", 1, 1, 4096, 4096, 512);
  attention("attention text 4096x77 d40", 2, 8, 4096, 77, 40);
  attention("attention text 1024x77 d80", 2, 8, 1024, 77, 80);
  attention("attention text 256x77 d160", 2, 8, 256, 77, 160);
  linear("linear 8192x320x320", 8192, 320, 320);
  linear("linear 8192x2560x320", 8192, 2560, 320);
  linear("linear 8192x320x1280", 8192, 320, 1280);
  linear("linear 2048x640x640", 2048, 640, 640);
  linear("linear 512x1280x1280", 512, 1280, 1280);
  linear("linear 154x320x768 (text)", 154, 320, 768);
  linear("linear 2x1280x1280 (time)", 2, 1280, 1280);
  conv("conv3x3 320 @64", 2, 64, 320, 320, 3);
  conv("conv3x3 640 @32", 2, 32, 640, 640, 3);
  conv("conv3x3 1280 @16", 2, 16, 1280, 1280, 3);
  conv("conv3x3 1280 @8", 2, 8, 1280, 1280, 3);
  conv("conv3x3 320 @64 stride 2", 2, 64, 320, 320, 3, 2);
  conv("conv3x3 4->320 @64", 2, 64, 4, 320, 3);
  conv("conv3x3 9->320 @64", 2, 64, 9, 320, 3);
  conv("conv3x3 320->4 @64", 2, 64, 320, 4, 3);
  conv("conv3x3 128->3 @512 (VAE)", 1, 512, 128, 3, 3);
  conv("conv3x3 128 @256 (VAE)", 1, 256, 128, 128, 3);
  conv("conv1x1 320 @64", 2, 64, 320, 320, 1);
  conv("conv1x1 960->640 @32", 2, 32, 960, 640, 1);
  conv("conv1x1 4->4 @64", 1, 64, 4, 4, 1);
  elementwise(2, 64, 320);
}

}  // namespace
}  // namespace corepulse

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--dtype") == 0 && i + 1 < argc)
      corepulse::dtype = std::strcmp(argv[++i], "bf16") == 0 ? mlx::core::bfloat16 : mlx::core::float32;
    else
      corepulse::wanted = argv[i];
  }
  corepulse::run();
}
