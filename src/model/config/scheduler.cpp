#include "model/config/scheduler.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <optional>
#include <span>

#include "io/fields.h"
#include "io/utf8.h"
#include "sampler/schedule/training.h"

namespace corepulse::model {
namespace {

using io::Fields, io::Fixed;

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
    {"DDIMParallelScheduler", SamplerKind::ddim},
    {"DPMSolverMultistepScheduler", SamplerKind::dpmpp_2m},
    {"DPMSolverSDEScheduler", SamplerKind::dpmpp_sde, 0.00085, 0.012},
    {"UniPCMultistepScheduler", SamplerKind::unipc},
    {"LCMScheduler", SamplerKind::lcm, 0.00085, 0.012, "scaled_linear"},
    {"PNDMScheduler", SamplerKind::pndm},
    {"LMSDiscreteScheduler", SamplerKind::lms},
    {"DDPMScheduler", SamplerKind::ddpm},
    {"DEISMultistepScheduler", SamplerKind::deis},
    {"KDPM2DiscreteScheduler", SamplerKind::dpm_2, 0.00085, 0.012},
    {"KDPM2AncestralDiscreteScheduler", SamplerKind::dpm_2_a, 0.00085, 0.012},
    {"TCDScheduler", SamplerKind::tcd, 0.00085, 0.012, "scaled_linear"},
    {"DPMSolverSinglestepScheduler", {}},
    {"SASolverScheduler", {}},
    {"EDMEulerScheduler", SamplerKind::euler},
    {"EDMDPMSolverMultistepScheduler", SamplerKind::dpmpp_2m},
};

// Of classes that nobody knows: what a silent config most likely means is Stable Diffusion's betas.
constexpr SchedulerClass kUnknown{"", {}, 0.00085, 0.012, "scaled_linear"};

/** Whether models of this scheduler learn something else than noise levels that alphas_cumprod describes. */
bool is_of_other_models(std::string_view name) {
  constexpr const char* beginnings[] = {"FlowMatch", "Cosine", "KarrasVe", "ScoreSde", "CMStochastic"};
  return std::ranges::any_of(beginnings, [=](const char* beginning) { return name.starts_with(beginning); });
}

const SchedulerClass& scheduler_class(const Fields& fields, std::vector<std::string>& notes) {
  const auto name = fields.text("_class_name", "EulerDiscreteScheduler");
  if (is_of_other_models(name))
    fields.unsupported("_class_name", "the schedulers of Stable Diffusion 1, 2 and XL, and EDM's (no flow)");
  const auto* found = std::ranges::find_if(kClasses, [&](const auto& row) { return row.name == name; });
  const bool known = found != std::end(kClasses);
  if (known && found->sampler) return *found;
  notes.push_back(fmt::format("{}: {} is {}: the default sampler is euler", fields.where(), io::printable(name),
                              known ? "not implemented" : "unknown"));
  return known ? *found : kUnknown;
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

bool is_edm(const Fields& fields) {
  return fields.text("_class_name", "").starts_with("EDM");
}

/** The training of EDM's models, whose fields have other names. */
sampler::Training read_edm(const Fields& fields) {
  sampler::Edm edm;
  edm.sigma_min = fields.number("sigma_min", edm.sigma_min, 1e-6, 1e3);
  edm.sigma_max = fields.number("sigma_max", edm.sigma_max, 1e-6, 1e6);
  edm.sigma_data = fields.number("sigma_data", edm.sigma_data, 1e-6, 1e3);
  if (edm.sigma_max <= edm.sigma_min) fields.bad("sigma_max", fmt::format("more than sigma_min, {}", edm.sigma_min));
  const auto prediction = read_prediction(fields);
  if (prediction == Prediction::sample)
    fields.unsupported("prediction_type", "epsilon and v_prediction of models trained with EDM");
  return {{}, prediction, edm};
}

ScheduleKind read_edm_curve(const Fields& fields) {
  const auto curve = fields.text("sigma_schedule", "karras");
  if (curve == "karras") return ScheduleKind::karras;
  if (curve == "exponential") return ScheduleKind::exponential;
  fields.unsupported("sigma_schedule", "karras and exponential");
}

std::optional<ScheduleKind> read_spacing(const Fields& fields) {
  const auto spacing = fields.text("timestep_spacing", "");
  for (const auto kind : {ScheduleKind::linspace, ScheduleKind::leading, ScheduleKind::trailing})
    if (spacing == name(kind)) return kind;
  if (!spacing.empty()) fields.unsupported("timestep_spacing", "linspace, leading and trailing");
  return {};
}

ScheduleKind read_curve(const Fields& fields) {
  auto curve = ScheduleKind::model;
  if (fields.flag("use_karras_sigmas", false)) curve = ScheduleKind::karras;
  if (fields.flag("use_exponential_sigmas", false)) curve = ScheduleKind::exponential;
  if (fields.flag("use_beta_sigmas", false)) curve = ScheduleKind::beta;
  return curve;
}

/** Fields::list, which wants at least one number; Diffusers writes an empty list. */
std::vector<int> read_uncorrected(const Fields& fields, const io::Json& json) {
  const auto value = json.value("disable_corrector", io::Json());
  if (value.is_array() && value.empty()) return {};
  return fields.list("disable_corrector", {}, 1000, {-1000, 1000});
}

SolverOptions read_solver(const Fields& fields, const io::Json& json, bool clips) {
  SolverOptions solver;
  solver.order = std::min(3, fields.integer("solver_order", solver.order, {1, 1000}));
  solver.lower_order_final = fields.flag("lower_order_final", true);
  const auto type = fields.text("solver_type", "");
  solver.heun = type == "heun", solver.bh1 = type == "bh1";
  solver.uncorrected = read_uncorrected(fields, json);
  if (fields.flag("clip_sample", clips)) solver.clip = fields.number("clip_sample_range", 1, 1e-6, 1e6);
  return solver;
}

/** A field with the values of it that are followed, or that mean what is done anyway. */
constexpr Fixed kFollowed[] = {
    {"thresholding", "[false]"},
    {"interpolation_type", R"(["linear"])"},
    {"timestep_type", R"(["discrete"])"},
    {"final_sigmas_type", R"(["zero"])"},
    {"use_lu_lambdas", "[false]"},
    {"algorithm_type", R"(["dpmsolver++", "sde-dpmsolver++", "deis", "data_prediction"])"},
    {"solver_type", R"(["midpoint", "heun", "logrho", "bh1", "bh2"])"},
    {"predict_x0", "[true]"},
    {"solver_p", "[null]"},
    {"noise_sampler_seed", "[null]"},
};
constexpr Fixed kFollowedInRange[] = {{"sigma_min", "[null]"}, {"sigma_max", "[null]"}};
constexpr Fixed kFollowedByEdm[] = {{"rho", "[7]"}};

// What a scheduler does that no sampler here does: kept as a note, since the picture is not the one of Diffusers.
void note_left_out(const Fields& fields, const io::Json& json, Scheduler& out) {
  const auto note = [&](std::span<const Fixed> followed) {
    for (const auto& fixed : followed)
      if (!fields.allows(fixed))
        out.notes.push_back(
            fmt::format("{}: {} is left out; the samplers know {}", fields.where(), fixed.field, fixed.values));
  };
  note(kFollowed);
  out.training.edm ? note(kFollowedByEdm) : note(kFollowedInRange);
  if (out.sampler == SamplerKind::pndm && !fields.flag("skip_prk_steps", false))
    out.notes.push_back(fmt::format("{}: skip_prk_steps false is left out; pndm begins without Runge and Kutta's steps",
                                    fields.where()));
  if (out.sampler == SamplerKind::ddpm && fields.text("variance_type", "fixed_small") != "fixed_small")
    out.notes.push_back(fmt::format("{}: variance_type is left out; ddpm knows fixed_small", fields.where()));
  const int most = out.sampler == SamplerKind::dpmpp_2m_sde ? 2 : 3;
  if (const int order = fields.integer("solver_order", 2, {1, 1000}); order > most)
    out.notes.push_back(fmt::format("{}: solver_order {} is left out; {} knows up to {}", fields.where(), order,
                                    name(out.sampler), most));
  // Diffusers begins where log(alpha / sigma) exceeds it: it acts only where the noisiest levels do not.
  if (out.training.edm) return;
  const auto least = json.value("lambda_min_clipped", io::Json());
  const double abar = out.training.alphas_cumprod.back();
  if (least.is_number() && least.get<double>() > std::log(abar / (1 - abar)) / 2)
    out.notes.push_back(fmt::format("{}: lambda_min_clipped {} is left out; the samplers begin at the noisiest level",
                                    fields.where(), least.get<double>()));
}

bool has_curves(SamplerKind kind) {
  constexpr SamplerKind none[] = {SamplerKind::euler_a, SamplerKind::ddim, SamplerKind::lcm,
                                  SamplerKind::ddpm,    SamplerKind::pndm, SamplerKind::tcd};
  return std::ranges::find(none, kind) == std::end(none);
}

/** Whose own default spacing is leading. */
bool leads(SamplerKind kind) {
  constexpr SamplerKind all[] = {SamplerKind::ddim, SamplerKind::lcm, SamplerKind::ddpm, SamplerKind::pndm,
                                 SamplerKind::tcd};
  return std::ranges::find(all, kind) != std::end(all);
}

}  // namespace

SamplingOptions Scheduler::options(SamplerKind kind) const {
  SamplingOptions result;
  result.sampler = kind;
  result.model_spacing = spacing.value_or(leads(kind) ? ScheduleKind::leading : ScheduleKind::linspace);
  result.steps_offset = steps_offset;
  result.model_curve = has_curves(kind) || training.edm ? curve : ScheduleKind::model;
  result.set_alpha_to_one = set_alpha_to_one;
  result.sdxl = sdxl;
  result.distilled_steps = distilled_steps;
  result.timestep_scaling = timestep_scaling;
  result.solver = solver;
  if (kind == SamplerKind::dpmpp_2m_sde) result.solver.order = std::min(2, solver.order);
  return result;
}

Scheduler scheduler_config(const io::Json& json, const std::string& where) {
  const Fields fields(json, where);
  Scheduler result;
  const auto& type = scheduler_class(fields, result.notes);
  constexpr Fixed fixed[] = {{"use_flow_sigmas", "[false]"},
                             {"use_dynamic_shifting", "[false]"},
                             {"num_train_timesteps", "[1000]"},
                             {"trained_betas", "[null]"},
                             {"beta_schedule", R"(["linear", "scaled_linear", "squaredcos_cap_v2"])"}};
  fields.require(fixed);
  const bool edm = is_edm(fields);
  result.training = edm ? read_edm(fields) : sampler::Training{read_alphas(fields, type), read_prediction(fields)};
  result.zero_snr = fields.flag("rescale_betas_zero_snr", false) && !edm;
  if (result.zero_snr)
    result.training.alphas_cumprod = sampler::rescale_zero_terminal_snr(result.training.alphas_cumprod);
  result.sampler = type.sampler.value_or(SamplerKind::euler);
  if (result.sampler == SamplerKind::dpmpp_2m && fields.text("algorithm_type", "").starts_with("sde-"))
    result.sampler = SamplerKind::dpmpp_2m_sde;
  result.spacing = read_spacing(fields);
  result.steps_offset = fields.integer("steps_offset", 0, {0, 100});
  result.curve = edm ? read_edm_curve(fields) : read_curve(fields);
  // PNDM's own default is another.
  result.set_alpha_to_one = fields.flag("set_alpha_to_one", result.sampler != SamplerKind::pndm);
  result.distilled_steps = fields.integer("original_inference_steps", 50, {1, 1000});
  result.timestep_scaling = fields.number("timestep_scaling", 10, 1e-6, 1e6);
  result.solver = read_solver(fields, json, result.sampler == SamplerKind::ddim || result.sampler == SamplerKind::ddpm);
  note_left_out(fields, json, result);
  return result;
}

void Scheduler::start_from_noise() {
  if (zero_snr) return;
  training.alphas_cumprod = sampler::rescale_zero_terminal_snr(training.alphas_cumprod);
  zero_snr = true;
  spacing = ScheduleKind::trailing;  // any other starts below pure noise (Lin et al. 2023)
}

Scheduler edm_scheduler(const EdmMarks& marks) {
  Scheduler result;
  result.sdxl = true;
  const bool cosxl = marks.prediction == Prediction::v;
  result.training = {{}, marks.prediction, marks.range};
  result.sampler = cosxl ? SamplerKind::euler : SamplerKind::dpmpp_2m;
  result.curve = cosxl ? ScheduleKind::exponential : ScheduleKind::karras;
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
