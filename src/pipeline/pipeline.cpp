#include "corepulse/pipeline.h"

#include <algorithm>
#include <exception>
#include <fmt/format.h>
#include <map>

#include "mlx/device.h"
#include "mlx/memory.h"
#include "mlx/version.h"

#include "base/fail.h"
#include "control/program/program_data.h"
#include "engine/engine.h"
#include "engine/memory.h"
#include "kernels/device.h"
#include "pipeline/callback.h"
#include "pipeline/forecast/estimate.h"
#include "pipeline/generate.h"
#include "pipeline/init/given.h"
#include "pipeline/init/second_pass.h"
#include "pipeline/placement.h"
#include "pipeline/prepare/prepare.h"
#include "pipeline/prepare/recipe_model.h"
#include "pipeline/probes.h"
#include "vae/tiny_decoder.h"

namespace corepulse {

using engine::Engine;

namespace {

/** MLX frees to a cache; on the CPU its default of 32 MB would make every large array fresh memory. */
constexpr size_t kCacheLimit = size_t{1} << 30;

}  // namespace

struct Pipeline::State {
  State(const ModelSource& from, const LoadOptions& load_options)
      : source(from), outline(source), placement(load_options) {}

  ~State() {
    // Arrays are freed on the thread that made them; waited for, since freeing must not race the end of the process.
    if (model) Engine::instance().run([this] { variants = {}, model.reset(); });
  }

  /** On the engine's thread. */
  pipeline::LoadedModel loaded() {
    mx::set_default_device(placement.device);
    if (!model) {
      mx::set_cache_limit(kCacheLimit);
      pipeline::require_memory(fmt::format("{} ({})", outline.info.name, placement.dtype_name()),
                               model::weight_bytes(outline.parts, precision()));
      model = model::load(outline.parts, precision());
    }
    return {model, precision(), variants};
  }

  model::Precision precision() const { return {placement.dtype(), placement.type == ComputeType::int8}; }

  /** Reads all weights, the first time in the life of their files. */
  MadeWith made_with() const {
    return {.program = "corepulse " COREPULSE_VERSION,
            .model = outline.fingerprint(),
            .backend = placement.backend(),
            .dtype = placement.dtype_name(),
            .isa = kernels::isa(),
            .model_sha256 = outline.file_sha256()};
  }

  ModelSource source;
  pipeline::Outline outline;
  pipeline::ComputeTarget placement;
  std::shared_ptr<const model::Model> model;
  pipeline::Variants variants;  ///< Of the model.
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

namespace {

/** Before weights are read: whether the file can draw this model's latents. */
void check_previews(const std::string& file, const ModelInfo& model) {
  if (model.builtin)
    fail(
        ErrorCode::invalid_request, "taesd",
        "the built-in model has latents of its own, which tiny decoders of Stable Diffusion do not know; leave it out");
  vae::check_tiny_decoder(file);
}

[[noreturn]] void fail_spent() {
  fail(ErrorCode::invalid_request, "run", "it was drawn already; prepare it again");
}

}  // namespace

PreparedRun::PreparedRun(std::unique_ptr<State> state) : state_(std::move(state)) {}
PreparedRun::PreparedRun(PreparedRun&&) noexcept = default;
PreparedRun& PreparedRun::operator=(PreparedRun&&) noexcept = default;
PreparedRun::~PreparedRun() = default;

Estimate PreparedRun::estimate() const {
  if (!state_) fail_spent();
  // Below this any machine is done in seconds, and a tenth of one is not worth spending to know better.
  constexpr double kLong = 1e12;
  const auto& [owner, request, prepared] = *state_;
  const auto& parts = owner->outline.parts;
  Estimate estimate;
  engine::Work work;
  uint64_t activations = 0, changed = 0;
  for (const auto* pass = &prepared; pass; pass = pass->second.get()) {
    const auto& resolved = pass->resolved;
    const auto& next = resolved.recipe.second_pass;
    const bool decode = next ? pipeline::starts_from_pictures(*next) : request.decode;
    const auto calls = pipeline::calls_of(pass->control, owner->placement.device == mx::Device::cpu);
    estimate.model_calls += calls.count;
    activations =
        std::max<uint64_t>(activations, pipeline::activation_bytes(parts.unet, parts.vae, resolved, calls, decode));
    changed = std::max(changed, pipeline::most_changed_bytes(pass->control, pass->adapters, parts, owner->precision()));
    work += pipeline::work_of(parts, resolved, calls, decode);
    if (!pass->inversion) continue;
    const auto inverting = pipeline::calls_of_inversion(pass->inversion->control, resolved.recipe.init->invert->refine);
    estimate.model_calls += inverting.count;
    work += pipeline::work_of(parts, pass->inversion->resolved, inverting, false);
  }
  estimate.bytes = model::weight_bytes(parts, owner->precision()) + changed + activations;
  if (owner->placement.device == mx::Device::cpu && work.sum() > kLong)
    estimate.seconds = guarded("estimate", [&work, &state = *owner] {
      mx::set_default_device(state.placement.device);
      return engine::seconds(work, engine::measure_pace(state.placement.dtype()));
    });
  return estimate;
}

Result PreparedRun::generate() && {
  if (!state_) fail_spent();
  const auto own = std::move(state_);
  auto& state = *own->owner;
  LiveEdits live(own->request, state.outline, own->prepared, state.precision());
  return guarded("generate", [&] {
    const auto model = state.loaded();
    return pipeline::generate(model, state.outline, state.made_with(), own->prepared, live, own->request);
  });
}

namespace {

/** What of a request is no recipe's: checked, and noted. */
void check_beside_recipe(const Request& request, const unet::Config& unet, pipeline::Prepared& prepared) {
  const auto& resolved = prepared.resolved;
  pipeline::check_latents(request, resolved);
  pipeline::check_probes(request.probes, {unet, resolved.latent_height, resolved.latent_width},
                         prepared.control.programs().front().second.data().calls);
  if (!request.latents.empty())
    prepared.notes.push_back("the run started from latents of the application; the recipe alone does not repeat it");
  if (!request.probes.empty())
    prepared.notes.push_back(
        "probes of the application looked into the network; what they changed is not in the recipe");
}

}  // namespace

PreparedRun Pipeline::prepare(const Request& request) const {
  if (!request.taesd.empty()) check_previews(request.taesd, state_->outline.info);
  auto prepared =
      pipeline::prepare(pipeline::with_model(request.recipe, state_->source), state_->outline, request.functions);
  check_beside_recipe(request, state_->outline.parts.unet, prepared);
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
