// What compat decides of prompts, and what a model's folder decides of its sampler.
#include <doctest/doctest.h>

#include "model_copy.h"
#include "pipeline/encode_prompt.h"

using namespace corepulse;
using namespace corepulse::test;
using pipeline::EncodedText;

namespace {

constexpr Compat kCompats[] = {Compat::diffusers, Compat::comfy, Compat::a1111};

std::shared_ptr<const model::Model> loaded(const std::string& folder) {
  return model::load(model::understand({.model = folder}), mx::float32);
}

/** The prompt and the negative prompt of a run. */
std::vector<EncodedText> encoded(const model::Model& model, const std::string& negative, Compat compat,
                                 int clip_skip = 0) {
  std::vector<EncodedText> texts;
  const std::string prompt = "a small red cat in a park at sunset";
  encode_texts(model, {{.prompt = prompt}, {.prompt = negative, .negative = true}},
               {.compat = compat, .clip_skip = clip_skip}, texts);
  return texts;
}

bool is_zero(const EncodedText& text) {
  return !mx::any(text.context).item<bool>() && !mx::any(text.pooled.value()).item<bool>();
}

}  // namespace

TEST_CASE("SDXL's empty negative prompt is zeros for Diffusers and A1111, and the encoded empty text for ComfyUI") {
  const auto model = loaded(tiny_folder("sdxl"));
  const Golden golden("sdxl");
  CHECK(is_zero(encoded(*model, "", Compat::diffusers)[1]));
  CHECK(is_zero(encoded(*model, "", Compat::a1111)[1]));
  const auto comfy = encoded(*model, "", Compat::comfy)[1];
  CHECK(relative_error(comfy.context, golden.array("pipeline_negative/negative_context")) <= 1e-4);
  CHECK(relative_error(*comfy.pooled, golden.array("pipeline_negative/negative_pooled")) <= 1e-4);
  for (const auto compat : kCompats) {
    CHECK_FALSE(is_zero(encoded(*model, "blue", compat)[1]));
    CHECK_FALSE(is_zero(encoded(*model, "", compat)[0]));
  }
}

TEST_CASE("a model whose index says so has no zeros in Diffusers; A1111 never reads it") {
  const ModelCopy copy("sdxl");
  auto index = copy.read("model_index.json");
  index["force_zeros_for_empty_prompt"] = false;
  copy.write("model_index.json", index);
  const auto model = loaded(copy.path());
  CHECK_FALSE(is_zero(encoded(*model, "", Compat::diffusers)[1]));
  CHECK(is_zero(encoded(*model, "", Compat::a1111)[1]));
}

TEST_CASE("clip_skip leaves Diffusers' negative prompts alone, and acts on those of A1111 and ComfyUI") {
  const Golden golden("clip_skip");
  for (const std::string family : {"sd1", "sdxl"}) {
    CAPTURE(family);
    const auto model = loaded(tiny_folder(family));
    const std::string negative = "blue, blurry";
    const auto expected = golden.array(family + "/negative_context");
    for (const auto compat : kCompats) {
      const auto texts = encoded(*model, negative, compat, 1);
      CHECK(relative_error(texts[0].context, golden.array(family + "/context")) <= 1e-4);
      const double error = relative_error(texts[1].context, expected);
      if (compat == Compat::diffusers) CHECK(error <= 1e-4);
      if (compat != Compat::diffusers) CHECK(error > 1e-2);
    }
    auto recipe = golden_recipe(family);
    recipe.negative_prompt = negative, recipe.clip_skip = 1;
    CHECK(relative_error(run(family, recipe).latents.at(0), numbers(golden, family + "/latents/19")) <= 1e-3);
  }
}

namespace {

/** Of a model whose scheduler has this class and these fields. */
struct Sampled {
  ModelInfo info;
  Recipe recipe;
  std::vector<std::string> notes;
};

Sampled sampled(const io::Json& scheduler, const std::function<void(Recipe&)>& change = [](Recipe&) {}) {
  const ModelCopy copy("small");
  auto config = copy.read("scheduler/scheduler_config.json");
  config.update(scheduler);
  copy.write("scheduler/scheduler_config.json", config);
  auto index = copy.read("model_index.json");
  index["scheduler"] = {"diffusers", config["_class_name"]};
  copy.write("model_index.json", index);
  auto recipe = golden_recipe("small");
  recipe.model = copy.path(), recipe.steps = 2, recipe.sampler = SamplerKind::model;
  change(recipe);
  const auto pipeline = Pipeline::load({.model = recipe.model}, {.dtype = test_dtype()});
  const auto result = pipeline.generate({recipe, {}, false});
  auto again = recipe;
  again.sampler = result.recipe.sampler, again.schedule = result.recipe.schedule;
  CHECK(pipeline.generate({again, {}, false}).latents == result.latents);
  return {pipeline.info(), result.recipe, result.notes};
}

}  // namespace

TEST_CASE("a model's own sampler is the default, and a picture's recipe names it with its schedule") {
  const std::tuple<const char*, SamplerKind, ScheduleKind> classes[] = {
      {"EulerDiscreteScheduler", SamplerKind::euler, ScheduleKind::linspace},
      {"EulerAncestralDiscreteScheduler", SamplerKind::euler_a, ScheduleKind::linspace},
      {"HeunDiscreteScheduler", SamplerKind::heun, ScheduleKind::linspace},
      {"DDIMScheduler", SamplerKind::ddim, ScheduleKind::linspace},
      {"DPMSolverMultistepScheduler", SamplerKind::dpmpp_2m, ScheduleKind::linspace},
      {"DPMSolverSDEScheduler", SamplerKind::dpmpp_sde, ScheduleKind::linspace},
      {"UniPCMultistepScheduler", SamplerKind::unipc, ScheduleKind::linspace},
      {"LCMScheduler", SamplerKind::lcm, ScheduleKind::model},
      {"TCDScheduler", SamplerKind::tcd, ScheduleKind::model},
      {"KDPM2DiscreteScheduler", SamplerKind::dpm_2, ScheduleKind::linspace},
      {"KDPM2AncestralDiscreteScheduler", SamplerKind::dpm_2_a, ScheduleKind::linspace},
      {"LMSDiscreteScheduler", SamplerKind::lms, ScheduleKind::linspace},
      {"DDPMScheduler", SamplerKind::ddpm, ScheduleKind::linspace},
      {"DEISMultistepScheduler", SamplerKind::deis, ScheduleKind::linspace},
  };
  for (const auto& [name, sampler, schedule] : classes) {
    CAPTURE(std::string(name));
    const auto made = sampled({{"_class_name", name}});
    CHECK(made.info.sampler == sampler);
    CHECK(made.recipe.sampler == sampler);
    CHECK(made.recipe.schedule == schedule);
    CHECK(made.notes.empty());
  }
  const auto sde = sampled({{"_class_name", "DPMSolverMultistepScheduler"},
                            {"algorithm_type", "sde-dpmsolver++"},
                            {"use_karras_sigmas", true}});
  CHECK(sde.recipe.sampler == SamplerKind::dpmpp_2m_sde);
  CHECK(sde.recipe.schedule == ScheduleKind::karras);
}

TEST_CASE("a sampler that is asked for is used, and one that is not here is replaced by euler with a note") {
  const auto asked = sampled({{"_class_name", "LCMScheduler"}}, [](Recipe& r) { r.sampler = SamplerKind::heun; });
  CHECK(asked.recipe.sampler == SamplerKind::heun);
  for (const char* name : {"SASolverScheduler", "SomebodysScheduler"}) {
    const auto other = sampled({{"_class_name", name}});
    CHECK(other.recipe.sampler == SamplerKind::euler);
    REQUIRE(other.notes.size() == 1);
    CHECK(has(other.notes[0], {name, "euler"}));
  }
}

TEST_CASE("PLMS's Runge-Kutta steps are left out, with a note where the model wants them") {
  const auto plms = sampled({{"_class_name", "PNDMScheduler"}, {"skip_prk_steps", true}});
  CHECK(plms.recipe.sampler == SamplerKind::pndm);
  CHECK(plms.notes.empty());
  const auto prk = sampled({{"_class_name", "PNDMScheduler"}});
  REQUIRE(prk.notes.size() == 1);
  CHECK(has(prk.notes[0], {"skip_prk_steps"}));
}

TEST_CASE("the scheduler that model_index.json names is the one that Diffusers makes, whatever its config was of") {
  const ModelCopy copy("small");
  auto index = copy.read("model_index.json");
  index["scheduler"] = {"diffusers", "LCMScheduler"};
  copy.write("model_index.json", index);
  CHECK(inspect_model({.model = copy.path()}).sampler == SamplerKind::lcm);
  index.erase("scheduler");
  copy.write("model_index.json", index);
  CHECK(inspect_model({.model = copy.path()}).sampler == SamplerKind::euler);
}

TEST_CASE("a scheduler's solver is followed in compat diffusers alone") {
  const auto latents = [](const std::string& type, Compat compat) {
    const ModelCopy copy("small");
    auto config = copy.read("scheduler/scheduler_config.json");
    config.update({{"solver_type", type}});
    copy.write("scheduler/scheduler_config.json", config);
    auto recipe = golden_recipe("small");
    recipe.model = copy.path(), recipe.steps = 4, recipe.sampler = SamplerKind::unipc, recipe.compat = compat;
    return Pipeline::load({.model = recipe.model}, {.dtype = test_dtype()}).generate({recipe, {}, false}).latents;
  };
  CHECK(latents("bh1", Compat::diffusers) != latents("bh2", Compat::diffusers));
  CHECK(latents("bh1", Compat::a1111) == latents("bh2", Compat::a1111));
}
