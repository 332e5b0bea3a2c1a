// Every kernel of ours for CUDA compiles, which needs NVRTC but no GPU: this program stands in for what MLX tells of a
// device, that it is one of CUDA, and for what it does with a compiled kernel. Skipped where there is no libnvrtc
// (LD_LIBRARY_PATH helps).
#include <cmath>
#include <cstdlib>
#include <doctest/doctest.h>

#include "mlx/device.h"
#include "mlx/fast.h"

#include "../io/support.h"
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/nvrtc.h"
#include "kernels/device.h"

namespace {

struct Run {
  std::string name, code;
  std::vector<mlx::core::array> inputs;
  std::vector<mlx::core::fast::ScalarArg> numbers;
};

Run last_run;

}  // namespace

namespace mlx::core {

const std::unordered_map<std::string, std::variant<std::string, size_t>>& device_info(const Device&) {
  static std::unordered_map<std::string, std::variant<std::string, size_t>> info;
  const char* given = std::getenv("COREPULSE_TEST_GENERATION");
  const std::string generation = given ? given : "8";
  info["architecture"] = "sm_" + generation + "0";
  info["compute_capability_major"] = static_cast<size_t>(std::stoul(generation));
  return info;
}

namespace fast {

std::vector<array> precompiled_cuda_kernel(const std::string& name, const std::string& code,
                                           const std::vector<array>& inputs, const std::vector<Shape>& shapes,
                                           const std::vector<Dtype>& types, const std::vector<ScalarArg>& numbers,
                                           std::tuple<int, int, int>, std::tuple<int, int, int>, int,
                                           std::optional<float>, bool, StreamOrDevice) {
  last_run = {name, code, inputs, numbers};
  std::vector<array> results;
  for (size_t i = 0; i < shapes.size(); ++i) results.push_back(zeros(shapes[i], types[i]));
  return results;
}

}  // namespace fast
}  // namespace mlx::core

namespace corepulse {

bool kernels::on_cuda() {
  return true;
}

namespace {

namespace cuda = kernels::cuda;

const auto without_nvrtc = doctest::skip(!kernels::Nvrtc::available());

/** A kernel's call compiles; the disk's cache is not the user's. */
template <typename F>
void check_compiles(const char* name, F&& call) {
  static const test::Folder cache;
  ::setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
  last_run = {};
  CHECK(test::refusal(call) == "");
  CHECK(last_run.name == std::string("corepulse_") + name);
  CHECK(
      last_run.code.starts_with("\x7f"
                                "ELF"));
}

TEST_CASE("norms and GEGLU compile for every type" * without_nvrtc) {
  for (const auto type : {mx::float16, mx::bfloat16, mx::float32}) {
    for (const int width : {320, 1280}) {
      const auto x = mx::zeros({2, 64, width}, type), channel = mx::zeros({width}, type), weight = mx::zeros({width});
      check_compiles("geglu", [&] { cuda::geglu(x); });
      check_compiles("layer_norm", [&] { cuda::layer_norm(x, weight, weight, 1e-5f); });
      for (const auto& carried : {std::optional<mx::array>(), std::optional(channel)})
        check_compiles("add_layer_norm", [&] { cuda::add_layer_norm(x, x, weight, weight, 1e-5f, carried); });
    }
  }
}

TEST_CASE("GroupNorm compiles, whole where a block can hold a group" * without_nvrtc) {
  const auto weight = mx::zeros({640});
  for (const auto type : {mx::float16, mx::bfloat16, mx::float32}) {
    for (const int pixels : {64, 4096}) {
      const auto x = mx::zeros({2, pixels, 320}, type), row = mx::zeros({2, 640}, type);
      const bool whole = type == mx::float16 && pixels == 64;
      check_compiles(whole ? "group_norm_whole" : "group_norm",
                     [&] { cuda::group_norm({x, row, {}}, x, weight, weight, 32, 1e-5f, true); });
    }
  }
}

TEST_CASE("GroupNorm reads a row where it lies among others" * without_nvrtc) {
  const auto x = mx::zeros({2, 64, 320}, mx::float16), weight = mx::zeros({320});
  const auto all = mx::zeros({2, 1600}, mx::float16), row = mx::slice(all, {0, 640}, {2, 960});
  check_compiles("group_norm_whole", [&] { cuda::group_norm({x, row, {}}, {}, weight, weight, 32, 1e-5f, true); });
  CHECK(last_run.inputs[2].id() == all.id());
  CHECK(std::get<int>(last_run.numbers[4]) == 640);
  CHECK(std::get<int>(last_run.numbers[5]) == 1600);
}

TEST_CASE("attention compiles with and without a bias" * without_nvrtc) {
  for (const int size : {144, 160, 176}) {
    const auto q = mx::zeros({1, 64, 2 * size}, mx::float16);
    for (const auto& bias : {std::optional<mx::array>(), std::optional(mx::zeros({1, 64}))})
      check_compiles("attention", [&] { cuda::attention(q, q, q, {.heads = 2, .scale = 0.1f, .bias = bias}); });
  }
}

TEST_CASE("a weight with a thin product compiles, for whatever share" * without_nvrtc) {
  const auto weight = mx::zeros({40, 64}, mx::float16), up = mx::zeros({40, 8}, mx::float16);
  const auto down = mx::zeros({8, 64}, mx::float16);
  for (const auto type : {mx::float16, mx::float32})
    check_compiles("with_thin", [&] { cuda::with_thin(weight, up, down, mx::zeros({1}, type)); });
}

TEST_CASE("a weight with a thin product is MLX's in other types, and in sizes that no load of 16 bytes ends with") {
  const auto sum = [](int in, int rank, mx::Dtype type) {
    return cuda::with_thin(mx::zeros({40, in}, type), mx::zeros({40, rank}, type), mx::zeros({rank, in}, type),
                           mx::zeros({1}));
  };
  CHECK(!sum(64, 8, mx::float32));
  CHECK(!sum(64, 6, mx::float16));
  CHECK(!sum(48, 8, mx::float16));
}

std::vector<int> places() {
  std::vector<int> numbers;
  for (size_t i = 3; i < last_run.numbers.size(); ++i) numbers.push_back(std::get<int>(last_run.numbers[i]));
  return numbers;
}

TEST_CASE("attention reads slices where they lie, and copies of those that are not aligned" * without_nvrtc) {
  constexpr int n = 64, width = 320;
  const auto all = mx::zeros({2, n, 3 * width}, mx::float16);
  const auto part = [&](int from) { return mx::slice(all, {0, 0, from}, {2, n, from + width}); };
  const kernels::AttentionOptions options{.heads = 2, .scale = 1};
  check_compiles("attention", [&] { cuda::attention(part(0), part(width), part(2 * width), options); });
  for (int i = 0; i < 3; ++i) CHECK(last_run.inputs[i].id() == all.id());
  const int row = 3 * width, batch = n * row;
  CHECK(places() == std::vector<int>{0, batch, row, width, batch, row, 2 * width, batch, row});

  const auto second = mx::slice(part(width), {1, 0, 0}, {2, n, width});  // one row of the batch
  const auto odd = mx::slice(all, {1, 0, 4}, {2, n, 4 + width});
  const auto apart = mx::slice(all, {0, 0, 0}, {1, n, 2 * width}, {1, 1, 2});
  check_compiles("attention", [&] { cuda::attention(second, odd, apart, options); });
  CHECK(last_run.inputs[0].id() == all.id());
  CHECK(last_run.inputs[1].id() == odd.id());
  CHECK(last_run.inputs[2].id() == apart.id());
  CHECK(places() == std::vector<int>{batch + width, batch, row, 0, n * width, width, 0, n * width, width});
}

}  // namespace
}  // namespace corepulse
