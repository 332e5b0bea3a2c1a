#include "pipeline/placement.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/device.h"

namespace corepulse::pipeline {
namespace {

struct NamedType {
  mx::Dtype dtype;
  const char* name;
};

NamedType named(ComputeType type) {
  switch (type) {
    case ComputeType::float16:
      return {mx::float16, "f16"};
    case ComputeType::bfloat16:
      return {mx::bfloat16, "bf16"};
    case ComputeType::int8:
      return {mx::float32, "int8"};
    default:
      return {mx::float32, "f32"};
  }
}

mx::Device device_of(const LoadOptions& options) {
  const bool gpu = mx::is_available(mx::Device(mx::Device::gpu));
  if (options.device == LoadOptions::Device::gpu && !gpu)
    fail(ErrorCode::invalid_request, "load", "this build of MLX has no GPU; expected Metal or CUDA; use the CPU");
  const bool use_gpu = options.device != LoadOptions::Device::cpu && gpu;
  return {use_gpu ? mx::Device::gpu : mx::Device::cpu, 0};
}

ComputeType type_of(const LoadOptions& options, const mx::Device& device) {
  const bool gpu = device == mx::Device::gpu, rehearsed = !gpu && kernels::asks_for_rehearsal();
  if (options.dtype == ComputeType::float16 && !gpu && !rehearsed)
    fail(ErrorCode::invalid_request, "load",
         "f16 is computed on GPUs only; expected auto or f32 on the CPU, where float16 would be slower and less exact");
  if (options.dtype == ComputeType::bfloat16 && gpu)
    fail(ErrorCode::invalid_request, "load", "bf16 is computed on CPUs only; expected auto, f32 or f16 on the GPU");
  if (options.dtype == ComputeType::int8 && (gpu || kernels::isa() == "mlx"))
    fail(ErrorCode::invalid_request, "load", "int8 is computed by the own CPU kernels only; expected auto, f32 or f16");
  if (options.dtype == ComputeType::bfloat16 && !kernels::has_bf16() && !rehearsed)
    fail(ErrorCode::invalid_request, "load",
         fmt::format("bf16 needs a processor with AVX-512 BF16 or AMX; this one computes with {}; expected auto or f32",
                     kernels::isa()));
  if (options.dtype != ComputeType::automatic) return options.dtype;
  if (gpu) return ComputeType::float16;
  return kernels::has_amx() ? ComputeType::bfloat16 : ComputeType::float32;
}

}  // namespace

ComputeTarget::ComputeTarget(const LoadOptions& options) : device(device_of(options)), type(type_of(options, device)) {}

mx::Dtype ComputeTarget::dtype() const {
  return named(type).dtype;
}

std::string ComputeTarget::dtype_name() const {
  return named(type).name;
}

std::string ComputeTarget::backend() const {
  if (device == mx::Device::cpu) return "cpu";
#ifdef __APPLE__
  return "metal";
#else
  return "cuda";
#endif
}

}  // namespace corepulse::pipeline
