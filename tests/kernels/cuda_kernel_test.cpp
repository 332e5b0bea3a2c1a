#include <doctest/doctest.h>

#include "../io/support.h"
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/nvrtc.h"

namespace corepulse {
namespace {

using kernels::CudaKernel;

const CudaKernel::Names kNames{.inputs = {"x"}, .outputs = {"y"}, .numbers = {"size", "by", "twice"}};

CudaKernel::Call call_with(int factor) {
  const auto x = mx::zeros({4}, mx::float16);
  return {.inputs = {x},
          .shapes = {x.shape()},
          .types = {mx::float32},
          .constants = {{"T", mx::float16}, {"FACTOR", factor}, {"EXACT", true}},
          .numbers = {4, 0.5f, false},
          .threads = {4, 1, 1},
          .block = {4, 1, 1}};
}

TEST_CASE("a kernel's source is headers, its own header, its signature, the constants and the body") {
  const CudaKernel kernel("scale", kNames, "  BODY", "HEADER");
  CHECK(kernel.source(call_with(3)) ==
        "#include <cuda_bf16.h>\n#include <cuda_fp16.h>\nHEADER\n"
        "extern \"C\" __global__ void corepulse_scale(const __half* x, float* y, const int size, const float by, "
        "const bool twice) {\n"
        "  using T = __half;\n  constexpr int FACTOR = 3;\n  constexpr bool EXACT = true;\n  BODY\n}\n");
}

TEST_CASE("a call with other arguments than the kernel names is a defect") {
  const CudaKernel kernel("scale", kNames, "");
  auto call = call_with(1);
  call.numbers.pop_back();
  CHECK(test::refusal([&] { kernel.source(call); }).starts_with("internal: [cuda_kernel] corepulse_scale"));
  call = call_with(1);
  call.types.push_back(mx::float32);
  CHECK(test::refusal([&] { kernel.source(call); }).starts_with("internal: [cuda_kernel] corepulse_scale"));
  call = call_with(1);
  call.types = {mx::complex64};
  CHECK(test::refusal([&] { kernel.source(call); }).starts_with("internal: [cuda_kernel]"));
}

TEST_CASE("a kernel is compiled once for each set of constants, then comes from the disk" *
          doctest::skip(!kernels::Nvrtc::available())) {
  const test::Folder cache;
  const char* before = std::getenv("XDG_CACHE_HOME");
  const std::string old = before ? before : "";
  ::setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
  const auto files = [&] { return std::distance(std::filesystem::directory_iterator(cache / "corepulse/cuda"), {}); };
  const std::string body =
      "  const auto number = [](const auto& v) { return static_cast<float>(v); };\n"
      "  if (threadIdx.x < size) y[threadIdx.x] = number(x[threadIdx.x]) * FACTOR;";
  const CudaKernel kernel("scale", kNames, body);
  const auto& three = kernel.cubin(call_with(3), "sm_80");
  CHECK(
      three.starts_with("\x7f"
                        "ELF"));
  CHECK(&kernel.cubin(call_with(3), "sm_80") == &three);
  CHECK(files() == 1);
  CHECK(CudaKernel("scale", kNames, body).cubin(call_with(3), "sm_80") == three);
  CHECK(files() == 1);
  CHECK(kernel.cubin(call_with(5), "sm_80") != three);
  CHECK(kernel.cubin(call_with(3), "sm_90a") != three);
  CHECK(files() == 3);
  const auto refused =
      test::refusal([&] { CudaKernel("wrong", kNames, "  y[0] = absent;").cubin(call_with(1), "sm_80"); });
  CHECK(test::has(refused, {"internal: [nvrtc] corepulse_wrong does not compile", "\"absent\" is undefined"}));
  CHECK(files() == 3);
  if (before)
    ::setenv("XDG_CACHE_HOME", old.c_str(), 1);
  else
    ::unsetenv("XDG_CACHE_HOME");
}

}  // namespace
}  // namespace corepulse
