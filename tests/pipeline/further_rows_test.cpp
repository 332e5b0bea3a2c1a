// Rows of a model call beyond the negative prompt's and the prompt's: what they add to the prediction, against the sum
// over separate runs.
#include <doctest/doctest.h>

#include "engine/engine.h"
#include "model/model.h"
#include "pipeline/denoise.h"
#include "pipeline/prepare/prepare.h"
#include "sampler/noise/noise.h"
#include "support.h"
#include "support/plain_control.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

using control::FurtherRow;
using control::Row;

/** A step of this plan; perturbed rows look at themselves token by token. */
class Written : public PlainControl {
 public:
  Written(control::StepPlan plan, bool perturbed_prompt)
      : plan_(std::move(plan)), perturbed_prompt_(perturbed_prompt) {}
  control::StepPlan step(const control::Step&) const override { return plan_; }
  control::AttentionPlan plan(const control::Site& site, const control::Step& step) const override {
    control::AttentionPlan plan;
    for (const auto& row : step.rows) {
      auto reading = base(site, row);
      if (site.cross) reading.sources[0].id = plan_.text_of(row);
      reading.identity = !site.cross && perturbs(row);
      plan.rows.push_back({reading});
    }
    return plan;
  }

 private:
  bool perturbs(const Row& row) const {
    if (perturbed_prompt_) return row.role == control::kPrompt;
    for (const auto& further : plan_.further)
      if (further.role == row.role) return further.kind == FurtherRow::Kind::perturbed;
    return false;
  }
  control::StepPlan plan_;
  bool perturbed_prompt_;
};

using Latents = std::vector<std::vector<float>>;  // by image

/** The latents after one step, which are affine in the prediction. Texts: prompt, negative prompt, a third. */
Latents latents(const std::string& family, control::StepPlan plan, bool one_by_one, bool perturbed_prompt = false) {
  return engine::Engine::instance().run([&] {
    auto recipe = golden_recipe(family);
    recipe.steps = 1, recipe.seeds = {3, 4};
    const pipeline::Outline outline({.model = tiny_folder(family)});
    const auto model = model::load(outline.parts, mx::float32);
    const auto prepared = pipeline::prepare(recipe, outline, {}, true);
    const auto& resolved = prepared.resolved;
    std::vector<pipeline::EncodedText> texts;
    pipeline::encode_texts(*model, {{.prompt = recipe.prompt}, {.prompt = "fog"}, {.prompt = "a dragon on the beach"}},
                           recipe, texts);
    const Written written(std::move(plan), perturbed_prompt);
    const pipeline::Run run{.model = *model,
                            .parts = outline.parts,
                            .control = written,
                            .training = resolved.training,
                            .schedule = resolved.schedule,
                            .sampling = resolved.sampling,
                            .dtype = mx::float32,
                            .texts = texts,
                            .time_ids = pipeline::own_size(resolved.recipe),
                            .one_by_one = one_by_one};
    const sampler::BatchNoise noise(recipe.rng, recipe.seeds, resolved.latent_height, resolved.latent_width);
    const auto first = noise();
    int calls = 0;
    const auto x = mx::contiguous(pipeline::denoise(
        run, first * like(static_cast<float>(resolved.schedule.initial_scale), first), [&](auto) { return noise(); },
        [](int, double, const mx::array&, const mx::array&) { return true; }, calls));
    mx::eval(x);
    Latents all;
    const size_t size = x.size() / 2;
    for (const float* image : {x.data<float>(), x.data<float>() + size}) all.emplace_back(image, image + size);
    return all;
  });
}

}  // namespace

TEST_CASE(
    "a call's prediction is the sum over its rows: another prompt's against the negative, perturbed against the "
    "prompt") {
  for (const std::string family : {"sd1", "sdxl"}) {
    CAPTURE(family);
    const auto alone = [&](control::TextId text, bool perturbed = false) {
      control::StepPlan plan;
      plan.prompts = {text, text};
      return latents(family, plan, true, perturbed);
    };
    const auto c = alone(0), u = alone(1), other = alone(2), p = alone(0, true);
    control::StepPlan plan{.guidance = 4, .guided = true};
    plan.further = {{FurtherRow::Kind::prompt, 4, 1.5, 2, {1}},
                    {FurtherRow::Kind::perturbed, 5, 3, 0, {0, 1}},
                    {FurtherRow::Kind::prompt, 3, -0.5, 2, {0}}};
    for (const bool one_by_one : {true, false}) {
      const auto found = latents(family, plan, one_by_one);
      for (size_t image = 0; image < 2; ++image) {
        auto expected = u[image];
        for (size_t i = 0; i < expected.size(); ++i)
          expected[i] += static_cast<float>(4.0 * (double(c[image][i]) - u[image][i]) +
                                            (image == 1 ? 1.5 : -0.5) * (double(other[image][i]) - u[image][i]) +
                                            3.0 * (double(c[image][i]) - p[image][i]));
        CHECK(relative_error(found[image], expected) <= 2e-5);
        CHECK(relative_error(found[image], c[image]) > 0.01);
      }
    }
    // Without guidance: c + s (c - p).
    const auto unguided = latents(family, {.further = {{FurtherRow::Kind::perturbed, 4, 2, 0, {0, 1}}}}, true);
    auto expected = c[0];
    for (size_t i = 0; i < expected.size(); ++i) expected[i] += static_cast<float>(2.0 * (double(c[0][i]) - p[0][i]));
    CHECK(relative_error(unguided[0], expected) <= 2e-5);
  }
}
