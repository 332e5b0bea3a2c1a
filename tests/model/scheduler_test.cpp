#include "model/scheduler.h"

#include <cmath>
#include <doctest/doctest.h>

#include "../io/support.h"

using namespace corepulse;
using namespace corepulse::model;
using namespace corepulse::test;
using io::Json;

namespace {

/** SD1.5's scheduler_config.json with changes. */
Json sd1(const Json& changes = Json::object()) {
  Json json = Json::parse(R"({"_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "beta_start": 0.00085, "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true,
    "steps_offset": 1, "trained_betas": null, "clip_sample": false})");
  json.update(changes);
  return json;
}

Scheduler read(const Json& json) {
  return scheduler_config(json, "scheduler_config.json");
}

double sigma(const Scheduler& scheduler, int t) {
  const double abar = scheduler.training.alphas_cumprod.at(t);
  return std::sqrt((1 - abar) / abar);
}

}  // namespace

TEST_CASE("Stable Diffusion's noise levels come out of its scheduler config and of its family alike") {
  for (const auto& scheduler : {read(sd1()), family_scheduler(Family::sd1, Prediction::epsilon, false)}) {
    CHECK(scheduler.training.alphas_cumprod.size() == 1000);
    CHECK(sigma(scheduler, 0) == doctest::Approx(0.029167).epsilon(1e-4));
    CHECK(sigma(scheduler, 999) == doctest::Approx(14.614641).epsilon(1e-6));
    CHECK(scheduler.options(SamplerKind::euler).steps_offset == 1);
    CHECK_FALSE(scheduler.options(SamplerKind::ddim).set_alpha_to_one);
  }
}

TEST_CASE("where the config says no spacing, each sampler has its own, as in Diffusers' from_config") {
  const auto silent = read(sd1()), said = read(sd1({{"timestep_spacing", "trailing"}}));
  CHECK(silent.options(SamplerKind::euler).model_spacing == ScheduleKind::linspace);
  CHECK(silent.options(SamplerKind::dpmpp_2m).model_spacing == ScheduleKind::linspace);
  CHECK(silent.options(SamplerKind::ddim).model_spacing == ScheduleKind::leading);
  CHECK(silent.options(SamplerKind::lcm).model_spacing == ScheduleKind::leading);
  CHECK(said.options(SamplerKind::ddim).model_spacing == ScheduleKind::trailing);
  CHECK(family_scheduler(Family::sdxl, Prediction::epsilon, false).options(SamplerKind::euler).model_spacing ==
        ScheduleKind::leading);
}

TEST_CASE("a silent config has Diffusers' defaults, which differ by class") {
  CHECK(sigma(read({{"_class_name", "EulerDiscreteScheduler"}}), 999) == doctest::Approx(157.4).epsilon(1e-3));
  CHECK(sigma(read({{"_class_name", "LCMScheduler"}}), 999) == doctest::Approx(14.614641).epsilon(1e-6));
  CHECK(read({{"_class_name", "DDIMScheduler"}}).options(SamplerKind::ddim).set_alpha_to_one);
  CHECK(read({{"_class_name", "DDIMScheduler"}}).options(SamplerKind::ddim).steps_offset == 0);
}

TEST_CASE("the config's class is the default sampler, or euler with a note") {
  CHECK(read(sd1({{"_class_name", "DPMSolverMultistepScheduler"}})).sampler == SamplerKind::dpmpp_2m);
  CHECK(read(sd1({{"_class_name", "DPMSolverMultistepScheduler"}, {"algorithm_type", "sde-dpmsolver++"}})).sampler ==
        SamplerKind::dpmpp_2m_sde);
  CHECK(read(sd1({{"_class_name", "EulerAncestralDiscreteScheduler"}})).notes.empty());
  const auto pndm = read(sd1());
  CHECK(pndm.sampler == SamplerKind::euler);
  REQUIRE(pndm.notes.size() == 1);
  CHECK(has(pndm.notes[0], {"PNDMScheduler", "euler"}));
}

TEST_CASE("what the network predicts is read") {
  CHECK(read(sd1()).training.prediction == Prediction::epsilon);
  CHECK(read(sd1({{"prediction_type", "v_prediction"}})).training.prediction == Prediction::v);
  CHECK(read(sd1({{"prediction_type", "sample"}})).training.prediction == Prediction::sample);
}

TEST_CASE("zero terminal SNR ends in pure noise, and a single file that has it starts there") {
  const auto scheduler = read(sd1({{"rescale_betas_zero_snr", true}}));
  CHECK(scheduler.zero_snr);
  CHECK(scheduler.training.alphas_cumprod.back() == 0);
  CHECK(scheduler.training.alphas_cumprod.front() == doctest::Approx(read(sd1()).training.alphas_cumprod.front()));
  const auto family = family_scheduler(Family::sdxl, Prediction::v, true);
  CHECK(family.training.alphas_cumprod.back() == 0);
  CHECK(family.options(SamplerKind::euler).model_spacing == ScheduleKind::trailing);
}

TEST_CASE("curves that the config chooses are kept") {
  CHECK(read(sd1({{"use_karras_sigmas", true}})).options(SamplerKind::euler).karras_in_model);
  CHECK(read(sd1({{"use_exponential_sigmas", true}})).options(SamplerKind::euler).schedule ==
        ScheduleKind::exponential);
  CHECK(read(sd1({{"use_beta_sigmas", true}})).options(SamplerKind::euler).schedule == ScheduleKind::beta);
}

TEST_CASE("what a scheduler would do beyond its noise levels is noted") {
  const auto notes = read(sd1({{"_class_name", "DDIMScheduler"}, {"clip_sample", true}})).notes;
  REQUIRE(notes.size() == 1);
  CHECK(has(notes[0], {"clip_sample"}));
}

TEST_CASE("schedulers of other kinds of models, and impossible numbers, are refused by field") {
  const std::pair<const char*, Json> other[] = {
      {"_class_name", "FlowMatchEulerDiscreteScheduler"},
      {"_class_name", "EDMEulerScheduler"},
      {"use_flow_sigmas", true},
      {"prediction_type", "flow_prediction"},
      {"beta_schedule", "sigmoid"},
      {"timestep_spacing", "random"},
      {"num_train_timesteps", 4000},
      {"trained_betas", {0.1, 0.2}},
  };
  for (const auto& [field, value] : other) {
    CAPTURE(std::string(field));
    CHECK(has(refusal([&, f = field, v = value] { read(sd1({{f, v}})); }),
              {"unsupported_model", "scheduler_config.json", field}));
  }
  const std::pair<const char*, Json> wrong[] = {
      {"beta_start", 0},    {"beta_start", -1},    {"beta_start", "small"}, {"beta_end", 1},    {"beta_end", 0.0001},
      {"steps_offset", -1}, {"steps_offset", 1e9}, {"set_alpha_to_one", 1}, {"_class_name", 3}, {"prediction_type", 1},
  };
  for (const auto& [field, value] : wrong) {
    CAPTURE(std::string(field));
    CHECK(
        has(refusal([&, f = field, v = value] { read(sd1({{f, v}})); }), {"bad_file", "scheduler_config.json", field}));
  }
}
