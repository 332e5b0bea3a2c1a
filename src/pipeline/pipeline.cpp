#include "corepulse/pipeline.h"

#include <exception>
#include <fmt/format.h>
#include <map>

#include "mlx/device.h"
#include "mlx/memory.h"
#include "mlx/version.h"

#include "base/fail.h"
#include "engine/engine.h"
#include "engine/memory.h"
#include "kernels/device.h"
#include "pipeline/callback.h"
#include "pipeline/forecast/estimate.h"
#include "pipeline/generate.h"
#include "pipeline/prepare.h"
#include "pipeline/recipe_model.h"

namespace corepulse {

using engine::Engine;

namespace {

mx::Device device_of(const LoadOptions& options) {
  const bool gpu = mx::is_available(mx::Device(mx::Device::gpu));
  if (options.device == LoadOptions::Device::gpu && !gpu)
    fail(ErrorCode::invalid_request, "load", "this build of MLX has no GPU; expected Metal or CUDA; use the CPU");
  const bool use_gpu = options.device != LoadOptions::Device::cpu && gpu;
  return {use_gpu ? mx::Device::gpu : mx::Device::cpu, 0};
}

struct NamedType {
  mx::Dtype dtype;
  const char* name;  ///< In recipes.
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

ComputeType type_of(const LoadOptions& options, const mx::Device& device) {
  const bool gpu = device == mx::Device::gpu;
  if (options.dtype == ComputeType::float16 && !gpu)
    fail(ErrorCode::invalid_request, "load",
         "f16 is computed on GPUs only; expected auto or f32 on the CPU, where float16 would be slower and less exact");
  if (options.dtype == ComputeType::bfloat16 && gpu)
    fail(ErrorCode::invalid_request, "load", "bf16 is computed on CPUs only; expected auto, f32 or f16 on the GPU");
  if (options.dtype == ComputeType::int8 && (gpu || kernels::isa() == "mlx"))
    fail(ErrorCode::invalid_request, "load", "int8 is computed by the own CPU kernels only; expected auto, f32 or f16");
  if (options.dtype == ComputeType::bfloat16 && !kernels::has_bf16())
    fail(ErrorCode::invalid_request, "load",
         fmt::format("bf16 needs a processor with AVX-512 BF16 or AMX; this one computes with {}; expected auto or f32",
                     kernels::isa()));
  if (options.dtype != ComputeType::automatic) return options.dtype;
  if (gpu) return ComputeType::float16;
  return kernels::has_amx() ? ComputeType::bfloat16 : ComputeType::float32;
}

/** MLX frees to a cache; on the CPU its default of 32 MB would make every large array fresh memory. */
constexpr size_t kCacheLimit = size_t{1} << 30;

}  // namespace

struct Pipeline::State {
  State(const ModelSource& from, const LoadOptions& load_options)
      : source(from), outline(source), device(device_of(load_options)), type(type_of(load_options, device)) {}

  ~State() {
    // Arrays are freed on the thread that made them; waited for, since freeing must not race the end of the process.
    if (model) Engine::instance().run([this] { model.reset(); });
  }

  /** On the engine's thread. */
  const model::Model& loaded() {
    mx::set_default_device(device);
    if (!model) {
      mx::set_cache_limit(kCacheLimit);
      pipeline::require_memory(fmt::format("{} ({})", outline.info.name, recipe_dtype()),
                               model::weight_bytes(outline.parts, precision()));
      model = model::load(outline.parts, precision());
    }
    return *model;
  }

  std::string recipe_dtype() const { return named(type).name; }
  mx::Dtype dtype() const { return named(type).dtype; }
  model::Precision precision() const { return {dtype(), type == ComputeType::int8}; }
  std::string backend() const {
    if (device == mx::Device::cpu) return "cpu";
#ifdef __APPLE__
    return "metal";
#else
    return "cuda";
#endif
  }

  /** Reads all weights, the first time in the life of their files. */
  MadeWith made_with() const {
    return {.program = "corepulse " COREPULSE_VERSION,
            .model = outline.fingerprint(),
            .backend = backend(),
            .dtype = recipe_dtype(),
            .isa = kernels::isa(),
            .model_sha256 = outline.file_sha256()};
  }

  ModelSource source;
  pipeline::Outline outline;
  mx::Device device;
  ComputeType type;
  std::shared_ptr<const model::Model> model;
};

namespace {

[[noreturn]] void fail_out_of_memory(const char* where, const std::string& detail) {
  // What the run held is free by now, but in MLX's cache: the next run, or another program, may need all of it.
  Engine::instance().run([] { mx::clear_cache(); });
  fail(ErrorCode::out_of_memory, where,
       fmt::format("memory ran out{}; choose a smaller picture or model, or end other programs", detail));
}

/** MLX's own exceptions become ours, the application's come back as they are; nothing else leaves the library. */
template <class Job>
auto guarded(const char* where, Job&& job) {
  try {
    return Engine::instance().run(std::forward<Job>(job));
  } catch (const pipeline::Thrown& thrown) {
    std::rethrow_exception(thrown.exception);
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    fail_out_of_memory(where, "");
  } catch (const std::exception& e) {
    if (engine::says_out_of_memory(e.what())) fail_out_of_memory(where, fmt::format(" ({})", e.what()));
    fail(ErrorCode::internal, where, e.what());
  }
}

}  // namespace

Pipeline::Pipeline(std::shared_ptr<State> state) : state_(std::move(state)) {}

Pipeline Pipeline::load(const ModelSource& source, const LoadOptions& options) {
  return guarded("load", [&] {
    Pipeline pipeline(std::make_shared<State>(source, options));
    if (!options.lazy) pipeline.state_->loaded();
    return pipeline;
  });
}

struct PreparedRun::State {
  std::shared_ptr<Pipeline::State> owner;
  Request request;
  pipeline::Prepared prepared;
};

PreparedRun::PreparedRun(std::unique_ptr<State> state) : state_(std::move(state)) {}
PreparedRun::PreparedRun(PreparedRun&&) noexcept = default;
PreparedRun& PreparedRun::operator=(PreparedRun&&) noexcept = default;
PreparedRun::~PreparedRun() = default;

Estimate PreparedRun::estimate() const {
  // Below this any machine is done in seconds, and a tenth of one is not worth spending to know better.
  constexpr double kLong = 1e12;
  const auto& [owner, request, prepared] = *state_;
  const auto& resolved = prepared.resolved;
  const auto& parts = owner->outline.parts;
  Estimate estimate;
  estimate.model_calls = static_cast<int>(sampler::evaluations(resolved.schedule, resolved.sampling).size() *
                                          resolved.recipe.seeds.size());
  estimate.bytes = model::weight_bytes(parts, owner->precision()) +
                   pipeline::activation_bytes(parts.unet, parts.vae, resolved, request.decode);
  const auto work = pipeline::work_of(parts, resolved, estimate.model_calls, request.decode);
  if (owner->device == mx::Device::cpu && work.sum() > kLong)
    estimate.seconds = guarded("estimate", [&work, &state = *owner] {
      mx::set_default_device(state.device);
      return engine::seconds(work, engine::measure_pace(state.dtype()));
    });
  return estimate;
}

Result PreparedRun::generate() && {
  const auto own = std::move(state_);
  auto& state = *own->owner;
  LiveEdits live(own->request, state.outline, own->prepared);
  return guarded("generate", [&] {
    const auto& model = state.loaded();
    return pipeline::generate(model, state.outline, state.dtype(), state.made_with(), own->prepared, live,
                              own->request);
  });
}

PreparedRun Pipeline::prepare(const Request& request) const {
  auto prepared =
      pipeline::prepare(pipeline::with_model(request.recipe, state_->source), state_->outline, request.functions);
  return PreparedRun(std::unique_ptr<PreparedRun::State>(new PreparedRun::State{state_, request, std::move(prepared)}));
}

Result Pipeline::generate(const Request& request) const {
  return prepare(request).generate();
}

Estimate Pipeline::estimate(const Request& request) const {
  return prepare(request).estimate();
}

const ModelInfo& Pipeline::info() const {
  return state_->outline.info;
}

std::string version() {
  const bool gpu = mx::is_available(mx::Device(mx::Device::gpu));
  return fmt::format("corepulse {} (MLX {}, {}, {})", COREPULSE_VERSION, mx::version(), gpu ? "gpu" : "cpu",
                     kernels::isa());
}

}  // namespace corepulse
