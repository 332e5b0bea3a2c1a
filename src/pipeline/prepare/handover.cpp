#include "pipeline/prepare/handover.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <tuple>

#include "base/fail.h"
#include "control/program/selector.h"
#include "control/program/window.h"
#include "control/recipe/check.h"
#include "model/layers.h"
#include "model/pictures/picture_adapter.h"
#include "model/side/side_parts.h"
#include "pipeline/denoise.h"
#include "pipeline/prepare/program_inputs.h"
#include "pipeline/prepare/visit_files.h"
#include "pipeline/weights/adapter_files.h"
#include "unet/sites.h"

namespace corepulse::pipeline {
namespace {

constexpr double kTimesteps = 1000;
constexpr const char* kField = "refiner";

/** Whether a call of the pass is the refiner's. */
bool is_taken(const control::Step& call, const Resolved& pass, double at) {
  const auto& [schedule, compat] = std::tie(pass.schedule, pass.sampling.compat);
  if (compat == Compat::comfy || pass.training.edm)
    return call.index + schedule.skipped >= std::nearbyint(at * (schedule.steps() + schedule.skipped));
  if (compat == Compat::a1111) return (kTimesteps - 1 - std::nearbyint(call.t)) / kTimesteps >= at;
  return call.t < std::nearbyint(kTimesteps - at * kTimesteps);
}

/** The first call that it takes; only A1111's may be within a step. */
size_t first_taken(const std::vector<control::Step>& all, const Resolved& pass, double at) {
  const bool anywhere = pass.sampling.compat == Compat::a1111;
  const auto found = std::find_if(all.begin(), all.end(), [&](const control::Step& call) {
    return (anywhere || call.first_evaluation) && is_taken(call, pass, at);
  });
  return static_cast<size_t>(found - all.begin());
}

/** The calls of a sampler that begins at this step, numbered from 0; their steps are the pass's. */
std::vector<control::Step> calls_anew(Resolved pass, int step) {
  const int steps = pass.schedule.steps();
  pass.schedule = sampler::behind(std::move(pass.schedule), step);
  std::vector<control::Step> calls;
  for (auto at : sampler::evaluations(pass.schedule, pass.sampling)) {
    at.step += step;
    calls.push_back(step_of(at, steps, static_cast<int>(calls.size())));
  }
  return calls;
}

bool same_latents(const vae::Config& a, const vae::Config& b) {
  return a.latent_channels == b.latent_channels && a.downscale() == b.downscale() &&
         a.scaling_factor == b.scaling_factor && a.latents_mean == b.latents_mean && a.latents_std == b.latents_std;
}

bool same_levels(const sampler::Training& a, const sampler::Training& b) {
  const auto same_edm = [&] {
    return a.edm->sigma_min == b.edm->sigma_min && a.edm->sigma_max == b.edm->sigma_max &&
           a.edm->sigma_data == b.edm->sigma_data;
  };
  return a.alphas_cumprod == b.alphas_cumprod && a.edm.has_value() == b.edm.has_value() && (!a.edm || same_edm());
}

void check_refiner(const Handover& at, const Resolved& pass, const Outline& own) {
  const auto& other = at.outline->parts;
  const auto refuse_model = [&](const std::string& message) {
    fail(ErrorCode::unsupported_model, kField, fmt::format("{}: {}", at.outline->info.name, message));
  };
  if (own.info.pix2pix)
    fail(ErrorCode::invalid_request, kField,
         "an instruct-pix2pix model reads a picture that no refiner knows; expected one model for the whole run");
  if (other.unet.in_channels != other.vae.latent_channels)
    refuse_model("it reads a picture beside the latents; expected a model that reads latents alone");
  if (!same_latents(own.parts.vae, other.vae))
    refuse_model(
        fmt::format("its latents are not those of {}; expected a model whose VAE has the same numbers", own.info.name));
  if (!same_levels(pass.training, at.resolved.training))
    refuse_model(fmt::format("it was trained with other noise levels than {}; expected the same", own.info.name));
}

ModelSource refiner_source(const Recipe& recipe) {
  return {.model = recipe.refiner->model, .variant = recipe.variant};
}

/** The pass without what only the recipe's model knows. */
Resolved as_refiner_runs_it(const Resolved& pass, const Outline& outline) {
  auto resolved = pass;
  auto& recipe = resolved.recipe;
  if (outline.parts.family != Family::sdxl) recipe.prompt_2.clear(), recipe.negative_prompt_2.clear();
  recipe.second_pass.reset(), recipe.edits.clear();
  resolved.training = training_of(recipe, outline.parts.scheduler);
  resolved.encodings = 0;
  return resolved;
}

bool any_inside(const Window& window, const std::vector<control::Step>& calls) {
  return std::any_of(calls.begin(), calls.end(), [&](const auto& call) { return inside(window, call); });
}

bool selects(const Outline& outline, const std::vector<control::Site>& sites, const std::string& where) {
  try {
    const int size = outline.parts.unet.sample_size;
    select(control::SiteTable(sites, size, size), where, AttentionKind::both, kField);
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool has_layers(const Outline& outline, const std::string& where) {
  return where.empty() || selects(outline, unet::sites(outline.parts.unet), where);
}

/** The same of where features meet. */
bool has_joints(const Outline& outline, const std::string& where) {
  std::vector<control::Site> sites;
  for (const auto& joint : unet::joints(outline.parts.unet)) sites.push_back(joint.site);
  return where.empty() || selects(outline, sites, where);
}

bool has_resnets(const Outline& outline, const std::string& where) {
  return where.empty() || selects(outline, unet::resnets(outline.parts.unet), where);
}

/** Whether the control is of what only the recipe's model is: a recording of it. */
bool is_of_recording(const Control& control) {
  const auto* capture = std::get_if<Capture>(&control.effect);
  return recording_of(control) || (capture && capture->what != Capture::What::map);
}

/** On which of the two models something acts. */
struct Where {
  bool before = false, behind = false;
};

Where acts_where(const Control& control, const Handover& at, const Outline& own, const std::string& loras) {
  const auto has = [&](const Outline& outline) {
    const bool of_weights = adapter_of(control) || side_network_of(control) || picture_prompt_of(control);
    if (std::holds_alternative<FreeU>(control.effect)) return has_joints(outline, control.where);
    if (std::holds_alternative<Features>(control.effect)) return has_resnets(outline, control.where);
    return of_weights ? fits(outline, control, loras) : has_layers(outline, control.where);
  };
  Where acts{any_inside(control.when, at.before), any_inside(control.when, at.behind) && !is_of_recording(control)};
  if (acts.before && acts.behind) acts = {has(own), has(*at.outline)};
  // It is refused where its moments are, or where there are any.
  if (!acts.before && !acts.behind) (at.before.empty() ? acts.behind : acts.before) = true;
  return acts;
}

std::string note_of(size_t i, const Control& control, const std::string& path, bool behind) {
  const bool of_weights = adapter_of(control) || side_network_of(control) || picture_prompt_of(control);
  const char* what = of_weights ? "is of other weights than" : "names layers that are not in";
  return fmt::format("{}[{}], {}, {} {}: it acts {}", path, i, control::title(control), what,
                     behind ? "the model" : "the refiner",
                     behind ? "in the refiner alone" : "before the refiner alone");
}

}  // namespace

bool fits(const Outline& outline, Control control, const std::string& loras) {
  try {
    if (const auto* net = side_network_of(control)) {
      model::understand_side(net->file, outline.parts);
      return control.where.empty() || selects(outline, unet::skips(outline.parts.unet), control.where);
    }
    if (const auto* prompt = picture_prompt_of(control)) {
      model::understand_picture_adapter(prompt->file, outline.parts);
      return has_layers(outline, control.where);
    }
    std::vector one{std::move(control)};
    find_adapters(one, loras, kField);
    with_adapters({}, one, kField, outline.parts);
    return one[0].where.empty() || selects(outline, model::weighted_layers(outline.parts), one[0].where);
  } catch (const Error&) {
    return false;
  }
}

std::optional<Handover> handover(const Resolved& pass, const Outline& own, const OutlineOf& open,
                                 std::vector<std::string>& notes) {
  const auto& recipe = pass.recipe;
  if (!recipe.refiner) return std::nullopt;
  const auto& [model, switch_at] = *recipe.refiner;
  if (!(switch_at >= 0 && switch_at <= 1))
    fail(ErrorCode::invalid_request, "refiner.switch_at", fmt::format("{}; expected 0 to 1", switch_at));
  const auto all = calls(pass);
  const auto first = first_taken(all, pass, switch_at);
  if (first == all.size()) {
    notes.push_back(
        fmt::format("the refiner has no step: it would begin at {:g} of the run, and is not loaded", switch_at));
    return std::nullopt;
  }
  if (model.empty())
    fail(ErrorCode::invalid_request, "refiner.model",
         "no model is named; expected one as SDXL's refiner (--refiner FILE), or no refiner (--no-refiner)");
  const auto source = refiner_source(recipe);
  Handover at{.outline = open ? open(source) : std::make_shared<const Outline>(source)};
  at.resolved = as_refiner_runs_it(pass, *at.outline);
  check_refiner(at, pass, own);
  at.step = all[first].index;
  at.anew = pass.sampling.compat != Compat::a1111;
  const auto split = all.begin() + static_cast<std::ptrdiff_t>(first);
  at.before.assign(all.begin(), split);
  if (at.anew) {
    at.behind = calls_anew(pass, at.step);
  } else {
    at.behind.assign(split, all.end());
    for (auto& call : at.behind) call.call -= static_cast<int>(first);
  }
  return at;
}

Divided divided(const std::vector<Control>& controls, const Handover& at, const Outline& own, const std::string& loras,
                const std::string& path) {
  Divided parts{.before = controls, .behind = controls};
  for (size_t i = 0; i < controls.size(); ++i) {
    if (!controls[i].enabled) continue;
    const auto acts = acts_where(controls[i], at, own, loras);
    parts.before[i].enabled = acts.before, parts.behind[i].enabled = acts.behind;
    const bool meets_both = any_inside(controls[i].when, at.before) && any_inside(controls[i].when, at.behind);
    if (meets_both && acts.before != acts.behind && !is_of_recording(controls[i]))
      parts.notes.push_back(note_of(i, controls[i], path, acts.behind));
  }
  return parts;
}

std::pair<FunctionList, FunctionList> divided(const FunctionList& functions, const Handover& at, const Outline& own) {
  std::pair<FunctionList, FunctionList> parts;
  for (const auto& function : functions) {
    const auto acts = [&](const std::vector<control::Step>& calls, const Outline& outline) {
      return any_inside(function->when, calls) && has_layers(outline, function->where);
    };
    const bool behind = function && acts(at.behind, *at.outline);
    if (!function || !behind || acts(at.before, own)) parts.first.push_back(function);
    if (behind) parts.second.push_back(function);
  }
  return parts;
}

}  // namespace corepulse::pipeline
