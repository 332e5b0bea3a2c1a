#include "model/config/scheduler.h"

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
  for (const char* name :
       {"SASolverScheduler", "DPMSolverSinglestepScheduler", "SomebodysScheduler", "Flowing\nScheduler"}) {
    const auto other = read(sd1({{"_class_name", name}}));
    CHECK(other.sampler == SamplerKind::euler);
    REQUIRE(other.notes.size() == 1);
    CHECK(has(other.notes[0], {std::string(name).substr(0, 7).c_str(), "euler"}));
    CHECK(other.notes[0].find('\n') == std::string::npos);
  }
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
  CHECK(read(sd1({{"use_karras_sigmas", true}})).options(SamplerKind::euler).model_curve == ScheduleKind::karras);
  CHECK(read(sd1({{"use_exponential_sigmas", true}})).options(SamplerKind::euler).model_curve ==
        ScheduleKind::exponential);
  CHECK(read(sd1({{"use_beta_sigmas", true}})).options(SamplerKind::euler).model_curve == ScheduleKind::beta);
}

TEST_CASE("a curve is of the samplers whose scheduler in Diffusers has curves") {
  const auto karras = read(sd1({{"use_karras_sigmas", true}}));
  for (const auto kind : {SamplerKind::heun, SamplerKind::dpmpp_2m, SamplerKind::dpmpp_sde, SamplerKind::unipc})
    CHECK(karras.options(kind).model_curve == ScheduleKind::karras);
  for (const auto kind : {SamplerKind::euler_a, SamplerKind::ddim, SamplerKind::lcm})
    CHECK(karras.options(kind).model_curve == ScheduleKind::model);
}

TEST_CASE("what the config says of a solver is read, and silence means Diffusers' defaults") {
  const auto unipc = read(sd1({{"_class_name", "UniPCMultistepScheduler"},
                               {"solver_type", "bh1"},
                               {"solver_order", 3},
                               {"lower_order_final", false},
                               {"disable_corrector", {0, 2}}}));
  const auto solver = unipc.options(SamplerKind::unipc).solver;
  CHECK(solver.bh1);
  CHECK(solver.order == 3);
  CHECK_FALSE(solver.lower_order_final);
  CHECK(solver.uncorrected == std::vector{0, 2});
  CHECK(unipc.options(SamplerKind::dpmpp_2m_sde).solver.order == 2);
  CHECK(read(sd1({{"solver_type", "heun"}})).solver.heun);
  const auto lcm = read({{"_class_name", "LCMScheduler"}, {"original_inference_steps", 100}, {"timestep_scaling", 5}});
  CHECK(lcm.options(SamplerKind::lcm).distilled_steps == 100);
  CHECK(lcm.options(SamplerKind::lcm).timestep_scaling == 5);
  const auto silent = read(sd1({{"disable_corrector", Json::array()}}));
  CHECK(silent.solver.order == 2);
  CHECK(silent.solver.uncorrected.empty());
  CHECK(std::isinf(silent.solver.clip));
  CHECK(read({{"_class_name", "DDIMScheduler"}}).solver.clip == 1);
  CHECK(read(sd1({{"clip_sample", true}, {"clip_sample_range", 2}})).solver.clip == 2);
}

TEST_CASE("what no sampler here does is noted by its field, and what has no effect is not") {
  const std::pair<const char*, Json> left_out[] = {
      {"thresholding", true},
      {"interpolation_type", "log_linear"},
      {"timestep_type", "continuous"},
      {"predict_x0", false},
      {"final_sigmas_type", "sigma_min"},
      {"use_lu_lambdas", true},
      {"algorithm_type", "dpmsolver"},
      {"solver_type", "bh3"},
      {"solver_order", 4},
      {"lambda_min_clipped", -2},
      {"sigma_max", 80},
      {"noise_sampler_seed", 1},
      {"solver_p", {{"a", 1}}},
  };
  for (const auto& [field, value] : left_out) {
    CAPTURE(std::string(field));
    const auto notes = read(sd1({{"_class_name", "DPMSolverMultistepScheduler"}, {field, value}})).notes;
    REQUIRE(notes.size() == 1);
    CHECK(has(notes[0], {"scheduler_config.json", field, "left out"}));
  }
  for (const auto& [field, value] : {std::pair<const char*, Json>{"lambda_min_clipped", -5.1},
                                     {"lambda_min_clipped", -INFINITY},
                                     {"solver_order", 3},
                                     {"euler_at_final", true},
                                     {"solver_type", "logrho"}})
    CHECK(read(sd1({{"_class_name", "DPMSolverMultistepScheduler"}, {field, value}})).notes.empty());
  CHECK(read(sd1({{"_class_name", "DPMSolverMultistepScheduler"},
                  {"algorithm_type", "sde-dpmsolver++"},
                  {"solver_order", 3}}))
            .notes.size() == 1);
}

TEST_CASE("EDM's schedulers say a range of noise levels, its curve and the deviation of the data") {
  const auto edm = [](Json fields) {
    fields["_class_name"] = "EDMDPMSolverMultistepScheduler";
    return read(fields);
  };
  const auto plain = edm(Json::object());
  REQUIRE(plain.training.edm);
  CHECK(plain.training.edm->sigma_min == 0.002);
  CHECK(plain.training.edm->sigma_max == 80);
  CHECK(plain.training.edm->sigma_data == 0.5);
  CHECK(plain.training.prediction == Prediction::epsilon);
  CHECK(plain.options(SamplerKind::dpmpp_2m).model_curve == ScheduleKind::karras);
  CHECK(plain.options(SamplerKind::euler_a).model_curve == ScheduleKind::karras);
  CHECK(plain.notes.empty());
  const auto cosxl = edm({{"sigma_max", 120},
                          {"sigma_data", 1},
                          {"sigma_schedule", "exponential"},
                          {"prediction_type", "v_prediction"},
                          {"rho", 7.0},
                          {"solver_order", 2}});
  CHECK(cosxl.training.edm->sigma_max == 120);
  CHECK(cosxl.curve == ScheduleKind::exponential);
  CHECK(cosxl.notes.empty());
  CHECK(edm({{"rho", 5}}).notes.size() == 1);
  for (const auto& [field, value] :
       std::initializer_list<std::pair<const char*, Json>>{{"sigma_max", 0.001}, {"sigma_min", 0}, {"sigma_data", "x"}})
    CHECK(has(refusal([&, f = field, v = value] { edm({{f, v}}); }), {"bad_file", field}));
  CHECK(has(refusal([&] { edm({{"prediction_type", "sample"}}); }), {"unsupported_model", "prediction_type"}));
  CHECK(has(refusal([&] { edm({{"sigma_schedule", "beta"}}); }), {"unsupported_model", "sigma_schedule"}));
}

TEST_CASE("zero terminal SNR can be asked for, and begins at the noisiest level") {
  auto scheduler = read(sd1());
  scheduler.start_from_noise();
  CHECK(scheduler.zero_snr);
  CHECK(scheduler.training.alphas_cumprod.back() == 0);
  CHECK(scheduler.options(SamplerKind::ddim).model_spacing == ScheduleKind::trailing);
  auto own = read(sd1({{"rescale_betas_zero_snr", true}, {"timestep_spacing", "linspace"}}));
  own.start_from_noise();
  CHECK(own.options(SamplerKind::ddim).model_spacing == ScheduleKind::linspace);
}

TEST_CASE("schedulers of other kinds of models, and impossible numbers, are refused by field") {
  const std::pair<const char*, Json> other[] = {
      {"_class_name", "FlowMatchEulerDiscreteScheduler"},
      {"_class_name", "CosineDPMSolverMultistepScheduler"},
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
      {"beta_start", 0},
      {"beta_start", -1},
      {"beta_start", "small"},
      {"beta_end", 1},
      {"beta_end", 0.0001},
      {"steps_offset", -1},
      {"steps_offset", 1e9},
      {"set_alpha_to_one", 1},
      {"_class_name", 3},
      {"prediction_type", 1},
      {"solver_order", 0},
      {"solver_order", "two"},
      {"original_inference_steps", 0},
      {"timestep_scaling", 0},
      {"disable_corrector", "no"},
      {"lower_order_final", 2},
      {"clip_sample", "yes"},
  };
  for (const auto& [field, value] : wrong) {
    CAPTURE(std::string(field));
    CHECK(
        has(refusal([&, f = field, v = value] { read(sd1({{f, v}})); }), {"bad_file", "scheduler_config.json", field}));
  }
}
