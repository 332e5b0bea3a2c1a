#include "load_flags.h"

namespace corepulse::cli {

void add_device_flag(CLI::App& command, std::string& device) {
  command.add_option("--device", device, "[auto]")->check(CLI::IsMember({"auto", "cpu", "gpu"}))->group("Model");
}

void add_dtype_flag(CLI::App& command, std::string& dtype) {
  command.add_option("--dtype", dtype, "[auto]")
      ->check(CLI::IsMember({"auto", "f32", "f16", "bf16", "int8"}))
      ->group("Model");
}

LoadOptions load_options(const std::string& dtype, const std::string& device) {
  LoadOptions options;
  if (dtype == "f32") options.dtype = ComputeType::float32;
  if (dtype == "f16") options.dtype = ComputeType::float16;
  if (dtype == "bf16") options.dtype = ComputeType::bfloat16;
  if (dtype == "int8") options.dtype = ComputeType::int8;
  if (device == "cpu") options.device = LoadOptions::Device::cpu;
  if (device == "gpu") options.device = LoadOptions::Device::gpu;
  return options;
}

}  // namespace corepulse::cli
