// The machine as the library sees it; nothing is computed.
#include "engine/machine.h"

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <fmt/format.h>

#include "corepulse/doctor.h"

#include "mlx/device.h"
#include "mlx/memory.h"

#include "engine/memory.h"
#include "io/directories.h"
#include "io/hf_cache.h"
#include "io/kept.h"
#include "kernels/device.h"
#include "model/files/shipped.h"
#include "pipeline/placement.h"

namespace corepulse {
namespace {

namespace fs = std::filesystem;

/** The file that this address was loaded from. */
std::string file_of(const void* address) {
  Dl_info info;
  if (!dladdr(address, &info) || !info.dli_fname) return {};
  std::error_code error;
  const auto file = fs::canonical(info.dli_fname, error);
  return io::without_home(error ? info.dli_fname : file.string());
}

template <class Find>
std::string place(Find find) {
  try {
    const fs::path path = find();
    return path.empty() ? "nowhere: there is no home folder" : io::without_home(path.string());
  } catch (const Error& error) {
    return io::without_home(error.what());
  }
}

Facts folders() {
  return {{"library", file_of(reinterpret_cast<const void*>(&describe_machine))},
          {"mlx", file_of(reinterpret_cast<const void*>(&mx::default_device))},
          {"builtin model", place(model::builtin_folder)},
          {"clip vocabulary", place(model::clip_vocabulary)},
          {"hugging face cache", place(io::hf_cache_directory)},
          {"digests", place([] { return io::kept_folder("digests"); })},
          {"gpu kernels", place([] { return io::kept_folder("cuda"); })}};
}

Facts environment() {
  Facts set;
  for (const char* name : {"COREPULSE_DATA",
                           "COREPULSE_ISA",
                           "COREPULSE_THREADS",
                           "CUDA_VISIBLE_DEVICES",
                           "METAL_DEVICE_WRAPPER_TYPE",
                           "MLX_BFS_MAX_WIDTH",
                           "MLX_CONV_WINOGRAD_TILE_BATCH",
                           "MLX_CONV_WINOGRAD_WORKING_SET",
                           "MLX_DISABLE_COMPILE",
                           "MLX_ENABLE_TF32",
                           "MLX_MAX_MB_PER_BUFFER",
                           "MLX_MAX_OPS_PER_BUFFER",
                           "MLX_METAL_FAST_SYNCH",
                           "MLX_METAL_GPU_ARCH",
                           "MLX_RESIDENCY_SET_MAX_PCT",
                           "MLX_USE_CUDA_GRAPHS",
                           "MTL_CAPTURE_ENABLED",
                           "MTL_DEBUG_LAYER",
                           "MTL_HUD_ENABLED",
                           "MTL_SHADER_VALIDATION",
                           "OMP_NUM_THREADS",
                           "OMP_WAIT_POLICY"})
    if (const char* value = std::getenv(name)) set.emplace_back(name, io::without_home(value));
  return set;
}

Facts device_facts(const mx::Device& device) {
  Facts facts;
  for (const auto& [key, value] : mx::device_info(device)) {
    if (const auto* text = std::get_if<std::string>(&value)) facts.emplace_back(key, *text);
    if (const auto* number = std::get_if<size_t>(&value)) facts.emplace_back(key, fmt::to_string(*number));
  }
  std::sort(facts.begin(), facts.end());
  return facts;
}

}  // namespace

Machine describe_machine(const LoadOptions& options) {
  const pipeline::ComputeTarget placement(options);
  return {.program = version(),
          .system = engine::system_name(),
          .processor = engine::processor_name(),
          .backend = placement.backend(),
          .isa = kernels::isa(),
          .threads = kernels::threads(),
          .device = device_facts(placement.device),
          .memory = engine::total_memory(),
          .available = engine::available_memory(),
          .mlx_limit = mx::get_memory_limit(),
          .folders = folders(),
          .environment = environment()};
}

}  // namespace corepulse
