#include "observed_run.h"

#include "control/program/explain.h"
#include "engine/engine.h"
#include "loaded_model.h"
#include "model/model.h"
#include "pipeline/denoise.h"
#include "pipeline/init/latents.h"
#include "pipeline/prepare/prepare.h"
#include "pipeline/weights/networks.h"
#include "sampler/noise/noise.h"
#include "support.h"

namespace corepulse::test {
namespace {

using Call = ObservedRun::Call;
using control::Source;

/** Compares what a program says with the plain run's reading, row by row. */
class Watching : public control::Control {
 public:
  Watching(const control::Program& program, double guidance, const control::TimeIds& size, std::vector<Call>& calls)
      : program_(program), guidance_(guidance), size_(size), calls_(calls) {}

  control::AttentionPlan plan(const control::Site& site, const control::Step& step) const override {
    auto plan = program_.plan(site, step);
    auto& call = call_of(step);
    ++call.asked[site.path];
    const auto inputs = program_.step(step);
    for (size_t r = 0; r < step.rows.size(); ++r) {
      const auto& row = step.rows[r];
      const control::Reading own{
          .sources = {site.cross ? Source{Source::Kind::text, inputs.text_of(row)} : Source{Source::Kind::own, 0}}};
      const bool finished =
          (!plan.finishes.empty() && !plan.finishes[r].empty()) || (!plan.orders.empty() && plan.orders[r]);
      if (finished || plan.rows[r] != std::vector{own}) call.changed.insert(site.path);
    }
    return plan;
  }

  control::StepPlan step(const control::Step& step) const override {
    const auto plan = program_.step(step);
    auto& call = call_of(step);
    call.guidance = plan.guidance;
    call.plain_step = plan.guidance == guidance_ && plan.prompts.empty() && plan.further.empty() &&
                      plan.shape == control::GuidanceShape() && plan.blurred.empty() && plan.features.empty() &&
                      plan.mixes.empty() && plan.negative == 1 && plan.pooled == control::StepPlan().pooled &&
                      (!plan.time_ids || plan.time_ids == size_);
    return plan;
  }

 private:
  Call& call_of(const control::Step& step) const {
    for (auto& call : calls_)
      if (call.step == step.index && call.first == step.first_evaluation) return call;
    return calls_.emplace_back(Call{step.index, step.t, step.sigma, 0, step.first_evaluation, {}, {}, true});
  }

  const control::Program& program_;
  double guidance_;
  control::TimeIds size_;
  std::vector<Call>& calls_;
};

}  // namespace

ObservedRun observed_run(const std::string& family, const Recipe& recipe, bool elide) {
  return engine::Engine::instance().run([&] {
    const auto& loaded = loaded_model(family);
    const auto& [outline, model] = std::tie(loaded.outline, loaded.model);
    const auto prepared = pipeline::prepare(recipe, outline, {}, elide);
    if (prepared.inversion) throw Error(ErrorCode::invalid_request, "the way back from a picture is not watched");
    const auto& program = prepared.control.programs().front().second;
    const auto& resolved = prepared.resolved;
    ObservedRun result;
    result.explanation = control::explain_json(program);
    const auto size = pipeline::own_size(resolved.recipe);
    const Watching watching(program, recipe.guidance, size, result.calls);
    const int height = resolved.latent_height, width = resolved.latent_width;
    std::vector<pipeline::EncodedText> texts;
    pipeline::Variants variants;
    pipeline::KnownTexts known;
    const pipeline::LoadedModel whole{model, mx::float32, variants, known};
    pipeline::encode_texts(whole, *model, {}, outline.parts, prepared, texts);
    pipeline::Networks networks(whole, outline.parts, prepared, texts);
    pipeline::PromptKeys pictures(nullptr, prepared.pictures, mx::float32);
    const pipeline::FunctionList none;
    const sampler::BatchNoise noise(recipe.rng, recipe.seeds, height, width);
    const auto start = pipeline::start_latents(*model, outline.parts, resolved,
                                               {.init = prepared.start ? &*prepared.start : nullptr}, noise);
    const pipeline::Run run{
        .model = *model,
        .parts = outline.parts,
        .control = watching,
        .training = resolved.training,
        .schedule = resolved.schedule,
        .sampling = resolved.sampling,
        .dtype = mx::float32,
        .texts = texts,
        .time_ids = size,
        .guidance_rescale = recipe.guidance_rescale,
        .beside = start.beside,
        .between_steps = start.between_steps,
        .networks = &networks,
        .instruments = {.functions = pipeline::attention_functions(prepared.control, none, height, width),
                        .pictures = [&](const auto&... at) { return pictures(at...); }}};
    int calls = 0;
    pipeline::denoise(
        run, start.first, [&](auto) { return noise(); },
        [&](int, double, const mx::array& x, const mx::array&) {
          const auto rows = mx::contiguous(x);
          mx::eval(rows);
          result.latents.emplace_back(rows.data<float>(), rows.data<float>() + rows.size());
          return true;
        },
        calls);
    return result;
  });
}

}  // namespace corepulse::test
