#include "kernels/cuda/kernel.h"

#include <array>
#include <fmt/format.h>

#include "mlx/device.h"

#include "base/fail.h"
#include "io/kept.h"
#include "kernels/cuda/nvrtc.h"

namespace corepulse::kernels {
namespace {

using mx::fast::ScalarArg, mx::fast::TemplateArg;

const char* type_name(mx::Dtype type) {
  if (type == mx::float16) return "__half";
  if (type == mx::bfloat16) return "__nv_bfloat16";
  if (type == mx::float32) return "float";
  if (type == mx::int32) return "int";
  fail(ErrorCode::internal, "cuda_kernel", "an array of a type that our kernels have no name for");
}

const char* type_name(const ScalarArg& number) {
  return std::array{"bool", "int", "float"}[number.index()];
}

std::string declared(const std::string& name, const TemplateArg& constant) {
  if (const auto* type = std::get_if<mx::Dtype>(&constant))
    return fmt::format("  using {} = {};\n", name, type_name(*type));
  if (const auto* yes = std::get_if<bool>(&constant)) return fmt::format("  constexpr bool {} = {};\n", name, *yes);
  return fmt::format("  constexpr int {} = {};\n", name, std::get<int>(constant));
}

/** The device's, as MLX compiles for it. */
const std::string& architecture_of(const mx::Device& device) {
  static std::mutex mutex;
  static std::map<int, std::string> known;
  const std::scoped_lock lock(mutex);
  auto& name = known[device.index];
  if (!name.empty()) return name;
  const auto& info = mx::device_info(device);
  name = std::get<std::string>(info.at("architecture"));
  // "a": instructions of this very generation; a cubin runs on no other anyway.
  if (std::get<size_t>(info.at("compute_capability_major")) >= 9) name += "a";
  return name;
}

std::string compiled(const std::string& name, const std::string& source, const std::string& architecture) {
  const auto& nvrtc = Nvrtc::get();
  const auto options = nvrtc.options(architecture);
  std::string key = "NVRTC " + nvrtc.version() + "\n";
  for (const auto& option : options) key += option + "\n";
  key += source;
  const auto folder = io::kept_folder("cuda");
  if (auto kept = io::find_kept(folder, key)) return *std::move(kept);
  auto cubin = nvrtc.compile(name, source, options);
  io::keep(folder, key, cubin);
  return cubin;
}

}  // namespace

CudaKernel::CudaKernel(const std::string& name, Names names, std::string body, std::string header)
    : name_("corepulse_" + name), names_(std::move(names)), body_(std::move(body)), header_(std::move(header)) {}

std::vector<mx::array> CudaKernel::operator()(const Call& call) const {
  const auto& code = cubin(call, architecture_of(mx::default_device()));
  return mx::fast::precompiled_cuda_kernel(name_, code, call.inputs, call.shapes, call.types, call.numbers,
                                           call.threads, call.block, call.shared_bytes, std::nullopt,
                                           /*ensure_row_contiguous=*/true);
}

std::string CudaKernel::signature(const Call& call) const {
  if (call.inputs.size() != names_.inputs.size() || call.types.size() != names_.outputs.size() ||
      call.shapes.size() != names_.outputs.size() || call.numbers.size() != names_.numbers.size())
    fail(ErrorCode::internal, "cuda_kernel", fmt::format("{} is called with other arguments than it names", name_));
  std::string text = "(";
  const auto add = [&](const std::string& type, const std::string& name) {
    text += (text.size() > 1 ? ", " : "") + type + " " + name;
  };
  for (size_t i = 0; i < names_.inputs.size(); ++i)
    add(fmt::format("const {}*", type_name(call.inputs[i].dtype())), names_.inputs[i]);
  for (size_t i = 0; i < names_.outputs.size(); ++i)
    add(fmt::format("{}*", type_name(call.types[i])), names_.outputs[i]);
  for (size_t i = 0; i < names_.numbers.size(); ++i)
    add(fmt::format("const {}", type_name(call.numbers[i])), names_.numbers[i]);
  text += ") {\n";
  for (const auto& [name, constant] : call.constants) text += declared(name, constant);
  return text;
}

std::string CudaKernel::source_with(const std::string& signature) const {
  return "#include <cuda_bf16.h>\n#include <cuda_fp16.h>\n" + header_ + "\nextern \"C\" __global__ void " + name_ +
         signature + body_ + "\n}\n";
}

std::string CudaKernel::source(const Call& call) const {
  return source_with(signature(call));
}

const std::string& CudaKernel::cubin(const Call& call, const std::string& architecture) const {
  const auto decided = signature(call);
  const std::scoped_lock lock(mutex_);
  auto& code = cubins_[architecture + decided];  // a map's elements stay where they are
  if (code.empty()) code = compiled(name_, source_with(decided), architecture);
  return code;
}

}  // namespace corepulse::kernels
