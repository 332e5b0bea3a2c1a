// Windows open and close exactly: what no control touches is the plain run, step by step.
#include <doctest/doctest.h>

#include "engine/engine.h"
#include "model/model.h"
#include "pipeline/denoise.h"
#include "pipeline/prepare.h"
#include "sampler/noise.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

/** Counts what a program really made the attention layers do. */
class Counting : public control::Control {
 public:
  explicit Counting(const control::Program& program) : program_(program) {}
  control::AttentionPlan plan(const control::Site& site, const control::Step& step) const override {
    auto plan = program_.plan(site, step);
    if (!plan.plain) ++acted_;
    return plan;
  }
  control::StepPlan step(const control::Step& step) const override { return program_.step(step); }
  int acted() const { return acted_; }

 private:
  const control::Program& program_;
  mutable int acted_ = 0;
};

struct Steps {
  std::vector<std::vector<float>> latents;  // after each step
  int acted = 0, expected = 0;              // attention calls that control changed: counted, and as reported
};

Steps steps(const Recipe& recipe) {
  return engine::Engine::instance().run([&] {
    const pipeline::Outline outline(model_source(recipe));
    const auto prepared = pipeline::prepare(recipe, outline);
    const auto model = model::load(outline.parts, mx::float32);
    const auto& program = prepared.control.programs().front().second;
    const Counting counting(program);
    const auto& resolved = prepared.resolved;
    std::vector<pipeline::EncodedText> texts;
    pipeline::encode_texts(*model, program.texts(), resolved.recipe, texts);
    const pipeline::Run run{*model,
                            counting,
                            resolved.schedule,
                            resolved.sampling,
                            mx::float32,
                            texts,
                            pipeline::own_size(resolved.recipe)};
    const auto stream = sampler::make_noise(NoiseKind::cpu, recipe.seeds[0]);
    const auto noise = [&] { return sampler::latent_noise(*stream, 4, resolved.latent_height, resolved.latent_width); };
    const auto first = noise();
    Steps result;
    int calls = 0;
    pipeline::denoise(
        run, first * like(static_cast<float>(resolved.schedule.initial_scale), first), noise,
        [&](int, double, const mx::array& x, const mx::array&) {
          result.latents.emplace_back(x.data<float>(), x.data<float>() + x.size());
          return true;
        },
        calls);
    result.acted = counting.acted();
    for (const auto& report : program.reports()) result.expected += report.pairs;
    return result;
  });
}

}  // namespace

TEST_CASE("law 2: every latent before the first active step is the plain run's") {
  auto recipe = golden_recipe("small");
  recipe.steps = 6;
  for (const auto sampler : {SamplerKind::euler, SamplerKind::heun, SamplerKind::dpmpp_2m}) {
    recipe.sampler = sampler;
    recipe.controls.clear();
    const auto plain = steps(recipe);
    CHECK(plain.acted == 0);
    recipe.controls = {inject("a dragon").steps(3, 5)};
    const auto controlled = steps(recipe);
    for (int i = 0; i < 3; ++i) CHECK(controlled.latents[i] == plain.latents[i]);
    CHECK(controlled.latents[3] != plain.latents[3]);
  }
}

TEST_CASE("law 9: the explain table equals the counters of a real run") {
  auto recipe = golden_recipe("small");
  recipe.steps = 6;
  for (const auto sampler : {SamplerKind::euler, SamplerKind::heun, SamplerKind::dpmpp_sde}) {
    recipe.sampler = sampler;
    for (const auto& control :
         {inject("a dragon").at("output:0, middle:0").sigma(8, 0.5),
          reweight("cat", 2).at("input:1").progress(0.2, 0.7), temperature(0.7).at("coarse").steps(1, 3)}) {
      recipe.controls = {control};
      const auto result = steps(recipe);
      CHECK(result.acted == result.expected);
      CHECK(result.acted > 0);
    }
  }
}
