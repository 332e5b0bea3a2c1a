#include "corepulse/pipeline.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <fmt/format.h>
#include <map>
#include <mutex>

#include "mlx/device.h"
#include "mlx/memory.h"
#include "mlx/version.h"

#include "base/fail.h"
#include "base/kept_error.h"
#include "control/program/program_data.h"
#include "engine/engine.h"
#include "engine/memory.h"
#include "engine/ranks.h"
#include "kernels/device.h"
#include "pipeline/callback.h"
#include "pipeline/forecast/estimate.h"
#include "pipeline/generate.h"
#include "pipeline/init/given.h"
#include "pipeline/init/second_pass.h"
#include "pipeline/picture/preview.h"
#include "pipeline/placement.h"
#include "pipeline/prepare/apart.h"
#include "pipeline/prepare/prepare.h"
#include "pipeline/prepare/recipe_model.h"
#include "pipeline/prepare/split.h"
#include "pipeline/probes.h"

namespace corepulse {

using engine::Engine;

namespace {

/** MLX frees to a cache; on a CPU its default of 32 MB would make every large array fresh memory. On CUDA, where that
 * is dearer still, it is as large as the device's memory, and given back where memory runs out. */
constexpr size_t kCacheLimit = size_t{1} << 30;

}  // namespace

struct Pipeline::State {
  /** A model in memory, and what its runs leave for the next ones. Used and freed on the engine's thread. */
  struct Held {
    std::shared_ptr<const model::Model> model;
    pipeline::Variants variants;
    pipeline::KnownTexts texts;
    pipeline::SideStore side;         ///< ControlNets.
    pipeline::PictureStore pictures;  ///< What IP-Adapters made of pictures.

    void free() { *this = {}; }
  };

  State(const ModelSource& from, const LoadOptions& load_options)
      : source(from),
        outline(source),
        placement(load_options),
        ranks(load_options.split_guidance ? &engine::Ranks::join() : nullptr) {}

  ~State() {
    // Arrays are freed on the thread that made them; waited for, since freeing must not race the end of the process.
    if (own.model || refiner.held.model) Engine::instance().run([this] { own.free(), refiner.held.free(); });
  }

  pipeline::LoadedModel of_held(Held& held) const {
    return {held.model, precision(), held.variants, held.texts, &held.side, &held.pictures, {}, ranks};
  }

  /** On the engine's thread. */
  pipeline::LoadedModel loaded() {
    mx::set_default_device(placement.device);
    if (!own.model) {
      if (placement.backend() != "cuda") mx::set_cache_limit(kCacheLimit);
      pipeline::require_memory(fmt::format("{} ({})", outline.info.name, placement.dtype_name()),
                               model::weight_bytes(outline.parts, precision()));
      own.model = model::load(outline.parts, precision());
    }
    return of_held(own);
  }

  /** What a recipe's refiner is, which is read once as long as recipes name the same. From any thread. */
  std::shared_ptr<const pipeline::Outline> outline_of(const ModelSource& wanted) {
    const std::lock_guard lock(refiner.opening);
    if (!refiner.opened || refiner.name != wanted.model || refiner.variant != wanted.variant)
      refiner.opened = std::make_shared<const pipeline::Outline>(wanted);
    refiner.name = wanted.model, refiner.variant = wanted.variant;
    return refiner.opened;
  }

  /** On the engine's thread, behind loaded(). One refiner is held: the last. */
  pipeline::Refining loaded_refiner(const std::shared_ptr<const pipeline::Outline>& of) {
    auto& held = refiner.held;
    if (!held.model || refiner.loaded != of) {
      held.free(), mx::clear_cache();
      pipeline::require_memory(fmt::format("the refiner {} ({})", of->info.name, placement.dtype_name()),
                               model::weight_bytes(of->parts, precision()));
      held.model = model::load(of->parts, precision());
      refiner.loaded = of;
    }
    return {of_held(held), of->fingerprint()};
  }

  /** Memory runs short: what runs before left goes, and the refiner if this run has none. @return there was any. */
  bool yield(bool refined) {
    auto& held = refiner.held;
    const bool any = !own.variants.empty() || !held.variants.empty() || (!refined && held.model);
    own.variants.clear(), held.variants.clear();
    if (!refined) held.free();
    mx::clear_cache();
    return any;
  }

  /** A GPU takes all images of a batch at once. */
  bool one_by_one() const { return placement.device == mx::Device::cpu; }

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
  engine::Ranks* ranks;  ///< Who computes the rows of each call together; null: this process all of them.
  Held own;

  /** The model that ended a run last. */
  struct {
    std::mutex opening;
    std::string name, variant;
    std::shared_ptr<const pipeline::Outline> opened, loaded;
    Held held;
  } refiner;
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
    if (const auto error = kept_error(e.what())) throw *error;
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

/** Below this any machine is done in seconds, and a tenth of one is not worth spending to know better. */
constexpr double kLong = 1e12;

[[noreturn]] void fail_spent() {
  fail(ErrorCode::invalid_request, "run", "it was drawn already; prepare it again");
}

/** Of the ControlNets and picture prompts of a run. */
uint64_t bytes_beside(const pipeline::Prepared& run, mx::Dtype dtype) {
  return pipeline::side_bytes(run.control, run.guides, dtype) +
         pipeline::picture_bytes(run.control, run.pictures, dtype);
}

}  // namespace

PreparedRun::PreparedRun(std::unique_ptr<State> state) : state_(std::move(state)) {}
PreparedRun::PreparedRun(PreparedRun&&) noexcept = default;
PreparedRun& PreparedRun::operator=(PreparedRun&&) noexcept = default;
PreparedRun::~PreparedRun() = default;

Estimate PreparedRun::estimate() const {
  if (!state_) fail_spent();
  const auto& [owner, request, prepared] = *state_;
  Estimate estimate;
  engine::Work work;
  uint64_t activations = 0, changed = 0;
  const auto count = [&](const pipeline::Prepared& run, const pipeline::Calls& calls, bool decode) {
    estimate.model_calls += calls.count;
    work += pipeline::work_of(run.outline->parts, run.resolved, calls, decode);
    work += pipeline::picture_work(run.control, run.pictures);
  };
  for (const auto* pass = &prepared; pass; pass = pass->second.get()) {
    const auto& next = pass->resolved.recipe.second_pass;
    const bool decode = next ? pipeline::starts_from_pictures(*next) : request.decode;
    uint64_t sides = 0;  // of both models, which are held together
    for (const auto* run : {pass, static_cast<const pipeline::Prepared*>(pass->refined.get())}) {
      if (!run) continue;
      const auto& parts = run->outline->parts;
      const auto calls = pipeline::calls_of(run->control, owner->one_by_one());
      activations =
          std::max<uint64_t>({activations, pipeline::preview_bytes(request.taesd, run->resolved),
                              pipeline::activation_bytes(parts.unet, parts.vae, run->resolved, calls, decode)});
      sides += bytes_beside(*run, owner->precision().dtype);
      changed = std::max(changed,
                         pipeline::most_changed_bytes(run->control, run->adapters, parts, owner->precision()) + sides);
      count(*run, calls, decode && run == pass);
    }
    if (const auto& back = pass->inversion)
      count(*back, pipeline::calls_of_inversion(back->control, pass->resolved.recipe.init->invert->refine), false);
  }
  estimate.bytes = model::weight_bytes(owner->outline.parts, owner->precision()) + changed + activations;
  if (const auto* refined = pipeline::refined_pass(prepared))
    estimate.bytes += model::weight_bytes(refined->handover->outline->parts, owner->precision());
  if (owner->placement.device == mx::Device::cpu && work.sum() > kLong)
    estimate.seconds = guarded("estimate", [&work, &state = *owner] {
      mx::set_default_device(state.placement.device);
      return engine::seconds(work, engine::measure_pace(state.placement.dtype()));
    });
  return estimate;
}

std::string PreparedRun::kept_apart_from(const PreparedRun& other) const {
  if (!state_ || !other.state_) fail_spent();
  const auto &a = *state_, &b = *other.state_;
  if (a.owner != b.owner) return "they are of different pipelines";
  for (const auto* request : {&a.request, &b.request}) {
    if (!request->functions.empty()) return "one has attention functions";
    if (request->live) return "one has live controls";
    if (!request->probes.empty()) return "one looks into the network";
  }
  if (a.request.stop != b.request.stop) return "they are stopped by different flags";
  if (a.request.decode != b.request.decode) return "one is not decoded";
  if (a.owner->ranks) return "their guidance is split between processes";
  return pipeline::why_apart(a.prepared, b.prepared);
}

namespace {

/** What a device's memory has room for beside the weights. */
size_t room_beside_weights(const pipeline::Outline& outline, model::Precision precision, bool loaded) {
  const size_t free = engine::free_device_memory();
  const size_t weights = loaded ? 0 : model::weight_bytes(outline.parts, precision);
  return free > weights ? free - weights : 0;
}

}  // namespace

size_t how_many_together(const std::vector<PreparedRun>& runs, size_t most) {
  for (const auto& run : runs)
    if (!run.state_) fail_spent();
  if (runs.empty()) return 0;
  auto& owner = *runs[0].state_->owner;
  if (owner.one_by_one() || owner.ranks) return 1;
  const size_t room = guarded("memory", [&owner] {
    mx::set_default_device(owner.placement.device);
    return room_beside_weights(owner.outline, owner.precision(), owner.own.model != nullptr);
  });
  const auto& parts = owner.outline.parts;
  std::vector<const control::Timeline*> controls;
  size_t pictures = 0;
  for (const auto& run : runs) {
    const auto& prepared = run.state_->prepared;
    const auto& last = prepared.second ? *prepared.second : prepared;  // the larger, as a rule
    pictures += prepared.resolved.recipe.seeds.size();
    controls.push_back(&last.control);
    if (controls.size() == 1) continue;
    const auto calls = pipeline::calls_of_all(controls, false);
    const auto bytes = pipeline::activation_bytes(parts.unet, parts.vae, last.resolved, calls, true);
    if (pictures > most || bytes > room || !runs[0].kept_apart_from(run).empty()) return controls.size() - 1;
  }
  return runs.size();
}

std::vector<Result> generate_together(std::vector<PreparedRun> runs) {
  if (runs.empty()) return {};
  for (const auto& run : runs) {
    const auto why = runs[0].kept_apart_from(run);
    if (runs.size() > 1 && !why.empty())
      fail(ErrorCode::invalid_request, "together", fmt::format("{}; expected runs that nothing keeps apart", why));
  }
  auto& owner = *runs[0].state_->owner;
  std::deque<LiveEdits> live;
  std::vector<pipeline::RunToDraw> all;
  for (auto& run : runs) {
    auto& [_, request, prepared] = *run.state_;
    live.emplace_back(request, prepared, owner.precision());
    all.push_back({prepared, live.back(), request});
  }
  const auto draw = [&] {
    auto model = owner.loaded();
    auto made = owner.made_with();
    std::optional<pipeline::Refining> refiner;
    const auto* refined = pipeline::refined_pass(all[0].prepared);
    model.yield = [&owner, refined] { return owner.yield(refined != nullptr); };
    if (refined) made.refiner = refiner.emplace(owner.loaded_refiner(refined->handover->outline)).fingerprint;
    return pipeline::generate(model, owner.outline, made, all, owner.one_by_one(), refiner ? &*refiner : nullptr);
  };
  return guarded("generate", [&] { return engine::Ranks::run(owner.ranks, all[0].request.stop.get(), draw); });
}

Result PreparedRun::generate() && {
  if (!state_) fail_spent();
  std::vector<PreparedRun> one;
  one.push_back(std::move(*this));
  return std::move(generate_together(std::move(one))[0]);
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
  if (!request.taesd.empty()) pipeline::check_previews(request.taesd, state_->outline.info);
  auto prepared = pipeline::prepare(pipeline::with_model(request.recipe, state_->source), state_->outline,
                                    request.functions, /*elide=*/true,
                                    [&state = *state_](const ModelSource& source) { return state.outline_of(source); });
  check_beside_recipe(request, state_->outline.parts.unet, prepared);
  if (state_->ranks) pipeline::check_split(prepared, request, state_->ranks->size(), state_->one_by_one());
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

int Pipeline::rank() const {
  return state_->ranks ? state_->ranks->rank() : 0;
}

bool Pipeline::shares_calls() const {
  return !state_->one_by_one() && !state_->ranks;
}

std::string version() {
  const bool gpu = mx::is_available(mx::Device(mx::Device::gpu));
  return fmt::format("corepulse {} (MLX {}, {}, {})", COREPULSE_VERSION, mx::version(), gpu ? "gpu" : "cpu",
                     kernels::isa());
}

}  // namespace corepulse
