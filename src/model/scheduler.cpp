#include "model/scheduler.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

#include "model/fields.h"
#include "sampler/training.h"

namespace corepulse::model {
namespace {

/** A scheduler class of Diffusers: our sampler, and the betas that it assumes when its config is silent. */
struct SchedulerClass {
  const char* name;
  std::optional<SamplerKind> sampler;
  double beta_start = 0.0001, beta_end = 0.02;
  const char* beta_schedule = "linear";
};

constexpr SchedulerClass kClasses[] = {
    {"EulerDiscreteScheduler", SamplerKind::euler},
    {"EulerAncestralDiscreteScheduler", SamplerKind::euler_a},
    {"HeunDiscreteScheduler", SamplerKind::heun, 0.00085, 0.012},
    {"DDIMScheduler", SamplerKind::ddim},
    {"DPMSolverMultistepScheduler", SamplerKind::dpmpp_2m},
    {"DPMSolverSDEScheduler", SamplerKind::dpmpp_sde, 0.00085, 0.012},
    {"UniPCMultistepScheduler", SamplerKind::unipc},
    {"LCMScheduler", SamplerKind::lcm, 0.00085, 0.012, "scaled_linear"},
    {"PNDMScheduler", {}},
    {"LMSDiscreteScheduler", {}},
    {"DDPMScheduler", {}},
    {"DEISMultistepScheduler", {}},
    {"DPMSolverSinglestepScheduler", {}},
    {"KDPM2DiscreteScheduler", {}, 0.00085, 0.012},
    {"KDPM2AncestralDiscreteScheduler", {}, 0.00085, 0.012},
    {"SASolverScheduler", {}},
    {"TCDScheduler", {}, 0.00085, 0.012, "scaled_linear"},
};

const SchedulerClass& scheduler_class(const Fields& fields) {
  const auto name = fields.text("_class_name", "EulerDiscreteScheduler");
  const auto found =
      std::find_if(std::begin(kClasses), std::end(kClasses), [&](const auto& row) { return row.name == name; });
  if (found == std::end(kClasses))
    fields.unsupported("_class_name", "the schedulers of Stable Diffusion 1, 2 and XL (no flow, no EDM)");
  return *found;
}

std::vector<double> read_alphas(const Fields& fields, const SchedulerClass& type) {
  const double start = fields.number("beta_start", type.beta_start, 1e-8, 0.999);
  const double end = fields.number("beta_end", type.beta_end, 1e-8, 0.999);
  if (end < start) fields.bad("beta_end", "at least beta_start");
  return sampler::alphas_cumprod(start, end, fields.text("beta_schedule", type.beta_schedule));
}

Prediction read_prediction(const Fields& fields) {
  const auto type = fields.text("prediction_type", "epsilon");
  if (type == "epsilon") return Prediction::epsilon;
  if (type == "v_prediction") return Prediction::v;
  if (type == "sample") return Prediction::sample;
  fields.unsupported("prediction_type", "epsilon, v_prediction and sample");
}

std::optional<ScheduleKind> read_spacing(const Fields& fields) {
  const auto spacing = fields.text("timestep_spacing", "");
  for (const auto kind : {ScheduleKind::linspace, ScheduleKind::leading, ScheduleKind::trailing})
    if (spacing == name(kind)) return kind;
  if (!spacing.empty()) fields.unsupported("timestep_spacing", "linspace, leading and trailing");
  return {};
}

// What a scheduler does beyond the choice of noise levels: kept as a note, since the sampler is the caller's choice.
void note_left_out(const Fields& fields, std::vector<std::string>& notes) {
  constexpr Fixed plain[] = {
      {"clip_sample", "[false]"},
      {"thresholding", "[false]"},
      {"interpolation_type", R"(["linear"])"},
      {"timestep_type", R"(["discrete"])"},
      {"final_sigmas_type", R"(["zero"])"},
      {"use_lu_lambdas", "[false]"},
      {"lambda_min_clipped", R"(["-Infinity"])"},  // no clipping; as io::read_json spells it
      {"solver_order", "[2]"},
      {"sigma_min", "[null]"},
      {"sigma_max", "[null]"},
  };
  for (const auto& fixed : plain)
    if (!fields.allows(fixed))
      notes.push_back(
          fmt::format("{}: {} is left out; the samplers know {}", fields.where(), fixed.field, fixed.values));
}

}  // namespace

SamplingOptions Scheduler::options(SamplerKind kind) const {
  const bool leads = kind == SamplerKind::ddim || kind == SamplerKind::lcm;
  SamplingOptions result;
  result.sampler = kind;
  result.schedule = schedule;
  result.model_spacing = spacing.value_or(leads ? ScheduleKind::leading : ScheduleKind::linspace);
  result.steps_offset = steps_offset;
  result.karras_in_model = karras;
  result.set_alpha_to_one = set_alpha_to_one;
  result.sdxl = sdxl;
  return result;
}

Scheduler scheduler_config(const io::Json& json, const std::string& where) {
  const Fields fields(json, where);
  const auto& type = scheduler_class(fields);
  constexpr Fixed fixed[] = {{"use_flow_sigmas", "[false]"},
                             {"use_dynamic_shifting", "[false]"},
                             {"num_train_timesteps", "[1000]"},
                             {"trained_betas", "[null]"},
                             {"beta_schedule", R"(["linear", "scaled_linear", "squaredcos_cap_v2"])"}};
  fields.require(fixed);
  Scheduler result;
  result.training = {read_alphas(fields, type), read_prediction(fields)};
  result.zero_snr = fields.flag("rescale_betas_zero_snr", false);
  if (result.zero_snr)
    result.training.alphas_cumprod = sampler::rescale_zero_terminal_snr(result.training.alphas_cumprod);
  result.sampler = type.sampler.value_or(SamplerKind::euler);
  if (fields.text("algorithm_type", "").starts_with("sde-")) result.sampler = SamplerKind::dpmpp_2m_sde;
  if (!type.sampler)
    result.notes.push_back(fmt::format("{} is not implemented: the default sampler is euler", type.name));
  result.spacing = read_spacing(fields);
  result.steps_offset = fields.integer("steps_offset", 0, {0, 100});
  result.karras = fields.flag("use_karras_sigmas", false);
  if (fields.flag("use_exponential_sigmas", false)) result.schedule = ScheduleKind::exponential;
  if (fields.flag("use_beta_sigmas", false)) result.schedule = ScheduleKind::beta;
  result.set_alpha_to_one = fields.flag("set_alpha_to_one", true);
  note_left_out(fields, result.notes);
  return result;
}

Scheduler family_scheduler(Family family, Prediction prediction, bool zero_snr) {
  Scheduler result;
  result.sdxl = family == Family::sdxl || family == Family::sdxl_refiner;
  const auto alphas = sampler::alphas_cumprod(0.00085, 0.012, "scaled_linear");
  result.training = {zero_snr ? sampler::rescale_zero_terminal_snr(alphas) : alphas, prediction};
  result.zero_snr = zero_snr;
  if (result.sdxl) result.spacing = ScheduleKind::leading;
  // A model that was trained to start from pure noise must be started there (Lin et al. 2023).
  if (zero_snr) result.spacing = ScheduleKind::trailing;
  result.steps_offset = 1;
  result.set_alpha_to_one = false;
  return result;
}

}  // namespace corepulse::model
