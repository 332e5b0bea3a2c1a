#include <doctest/doctest.h>
#include <set>

#include "corepulse/error.h"
#include "corepulse/sampling.h"

namespace corepulse {
namespace {

using enum SamplerKind;

struct Spelling {
  const char* text;
  SamplerKind sampler;
  ScheduleKind schedule = ScheduleKind::model;
};

template <class Parse>
std::string refusal(Parse parse, std::string_view text) {
  try {
    parse(text);
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::invalid_request);
    return e.what();
  }
  FAIL("accepted ", text);
  return "";
}

TEST_CASE("every canonical name parses to what it names") {
  for (const auto& text : sampler_names()) {
    const auto parsed = parse_sampler(text);
    CHECK(name(parsed.sampler) == text);
    CHECK(parsed.schedule == ScheduleKind::model);
  }
  for (const auto& text : schedule_names()) CHECK(name(parse_schedule(text)) == text);
  for (const auto kind : {NoiseKind::cpu, NoiseKind::cuda, NoiseKind::mlx}) CHECK(parse_noise(name(kind)) == kind);
  for (const auto kind : {Compat::diffusers, Compat::comfy, Compat::a1111}) CHECK(parse_compat(name(kind)) == kind);
  for (const auto kind : {Prediction::epsilon, Prediction::v, Prediction::sample})
    CHECK(parse_prediction(name(kind)) == kind);
  CHECK(sampler_names().size() == 23);
  CHECK(schedule_names().size() == 10);
}

TEST_CASE("samplers are known by the names of Diffusers, A1111, ComfyUI and stable-diffusion.cpp") {
  const Spelling spellings[] = {
      {"EulerDiscreteScheduler", euler},
      {"EulerDiscrete", euler},
      {"Euler", euler},
      {"k_euler", euler},
      {"EulerAncestralDiscreteScheduler", euler_a},
      {"Euler a", euler_a},
      {"euler_ancestral", euler_a},
      {"sample_euler_ancestral", euler_a},
      {"HeunDiscreteScheduler", heun},
      {"Heun", heun},
      {"k_heun", heun},
      {"DDIMScheduler", ddim},
      {"DDIM", ddim},
      {"ddim_trailing", ddim, ScheduleKind::trailing},
      {"DPMSolverMultistepScheduler", dpmpp_2m},
      {"DPM++ 2M", dpmpp_2m},
      {"dpmpp_2m", dpmpp_2m},
      {"dpm++2m", dpmpp_2m},
      {"dpmsolver++", dpmpp_2m},
      {"DPM++ 2M Karras", dpmpp_2m, ScheduleKind::karras},
      {"DPM++ 2M SGM Uniform", dpmpp_2m, ScheduleKind::sgm_uniform},
      {"DPM++ 2M SDE", dpmpp_2m_sde},
      {"dpmpp_2m_sde", dpmpp_2m_sde},
      {"dpmpp_2m_sde_gpu", dpmpp_2m_sde},
      {"sde-dpmsolver++", dpmpp_2m_sde},
      {"DPM++ 2M SDE Karras", dpmpp_2m_sde, ScheduleKind::karras},
      {"DPM++ 2M SDE Exponential", dpmpp_2m_sde, ScheduleKind::exponential},
      {"DPMSolverSDEScheduler", dpmpp_sde},
      {"DPM++ SDE", dpmpp_sde},
      {"dpmpp_sde_gpu", dpmpp_sde},
      {"DPM++ SDE Karras", dpmpp_sde, ScheduleKind::karras},
      {"DPM++ 2S a", dpmpp_2s_a},
      {"Restart", restart},
      {"Restart Karras", restart, ScheduleKind::karras},
      {"DPM++ 2S a Karras", dpmpp_2s_a, ScheduleKind::karras},
      {"dpmpp_2s_ancestral", dpmpp_2s_a},
      {"k_dpmpp_2s_a", dpmpp_2s_a},
      {"DPM++ 3M SDE", dpmpp_3m_sde},
      {"DPM++ 3M SDE Exponential", dpmpp_3m_sde, ScheduleKind::exponential},
      {"dpmpp_3m_sde_gpu", dpmpp_3m_sde},
      {"KDPM2DiscreteScheduler", dpm_2},
      {"DPM2", dpm_2},
      {"DPM2 Karras", dpm_2, ScheduleKind::karras},
      {"k_dpm_2", dpm_2},
      {"KDPM2AncestralDiscreteScheduler", dpm_2_a},
      {"DPM2 a", dpm_2_a},
      {"DPM2 a Karras", dpm_2_a, ScheduleKind::karras},
      {"dpm_2_ancestral", dpm_2_a},
      {"LMSDiscreteScheduler", lms},
      {"LMS Karras", lms, ScheduleKind::karras},
      {"DDPMScheduler", ddpm},
      {"PNDMScheduler", pndm},
      {"PLMS", pndm},
      {"TCDScheduler", tcd},
      {"DEISMultistepScheduler", deis},
      {"deis", deis},
      {"ipndm", ipndm},
      {"euler_cfg_pp", euler_cfg_pp},
      {"Euler CFG++", euler_cfg_pp},
      {"dpmpp_2m_cfg_pp", dpmpp_2m_cfg_pp},
      {"DPM++ 2M CFG++", dpmpp_2m_cfg_pp},
      {"UniPCMultistepScheduler", unipc},
      {"UniPC", unipc},
      {"uni_pc", unipc},
      {"uni_pc_bh2", unipc},
      {"LCMScheduler", lcm},
      {"LCM", lcm},
  };
  for (const auto& s : spellings) {
    CAPTURE(s.text);
    CHECK(parse_sampler(s.text).sampler == s.sampler);
    CHECK(parse_sampler(s.text).schedule == s.schedule);
  }
}

TEST_CASE("schedules, noises, tools and predictions have aliases too") {
  CHECK(parse_schedule("Karras") == ScheduleKind::karras);
  CHECK(parse_schedule("use_karras_sigmas") == ScheduleKind::karras);
  CHECK(parse_schedule("SGM Uniform") == ScheduleKind::sgm_uniform);
  CHECK(parse_schedule("normal") == ScheduleKind::linspace);
  CHECK(parse_schedule("Automatic") == ScheduleKind::model);
  CHECK(parse_schedule("ddim_uniform") == ScheduleKind::leading);
  CHECK(parse_schedule("Align Your Steps") == ScheduleKind::ays);
  CHECK(parse_schedule("Polyexponential") == ScheduleKind::exponential);
  CHECK(parse_noise("NV") == NoiseKind::cuda);
  CHECK(parse_noise("GPU") == NoiseKind::cuda);
  CHECK(parse_noise("CPU") == NoiseKind::cpu);
  CHECK(parse_compat("ComfyUI") == Compat::comfy);
  CHECK(parse_compat("AUTOMATIC1111") == Compat::a1111);
  CHECK(parse_prediction("v_prediction") == Prediction::v);
  CHECK(parse_prediction("eps") == Prediction::epsilon);
}

TEST_CASE("an unknown name is refused with the valid ones and the nearest") {
  CHECK(refusal(parse_sampler, "eulr").find("did you mean euler?") != std::string::npos);
  CHECK(refusal(parse_sampler, "dpmpp_4m").find("did you mean dpmpp_2m?") != std::string::npos);
  CHECK(refusal(parse_sampler, "SASolverScheduler").find("valid: model, euler, euler_a, heun") != std::string::npos);
  CHECK(refusal(parse_schedule, "karas").find("did you mean karras?") != std::string::npos);
  CHECK(refusal(parse_noise, "cpuu").find("did you mean cpu?") != std::string::npos);
  for (const auto* text :
       {"", " ", "++", "karras", "DPM3", "dpmpp_2s_sde", "DPM++ 4M SDE", "eulerx", "scheduler", "k_", "heunpp2"})
    CHECK(refusal(parse_sampler, text).find("valid:") != std::string::npos);
  CHECK(refusal(parse_sampler, "euler\xff\n").find("\"euler??\"") != std::string::npos);
  CHECK(refusal(parse_sampler, std::string(1 << 20, 'e')).size() < 400);
}

}  // namespace
}  // namespace corepulse
