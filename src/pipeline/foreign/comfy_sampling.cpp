#include "pipeline/foreign/comfy_sampling.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <utility>

#include "pipeline/foreign/reading.h"

namespace corepulse::pipeline {
namespace {

constexpr int kMostComfySteps = 1000;

/** Nodes that are a sampler with settings of its own, as KSamplerSelect names it. */
constexpr std::pair<std::string_view, std::string_view> kComfySamplers[] = {
    {"SamplerEulerAncestral", "euler_ancestral"},
    {"SamplerDPMPP_2M_SDE", "dpmpp_2m_sde"},
    {"SamplerDPMPP_3M_SDE", "dpmpp_3m_sde"},
    {"SamplerDPMPP_SDE", "dpmpp_sde"},
    {"SamplerDPMPP_2S_Ancestral", "dpmpp_2s_ancestral"},
    {"SamplerLMS", "lms"}};

/** Reads the nodes of one sampler. */
class SamplingReader {
 public:
  SamplingReader(const ComfyNodes& nodes, const ComfyNode& node) : nodes_(nodes), node_(node) {
    made_.node = made_.guider = &node;
  }

  ComfySampling operator()() {
    if (node_.kind.starts_with("KSampler"))
      take_ksampler();
    else
      take_custom();
    return std::move(made_);
  }

 private:
  std::optional<double> number(const ComfyNode& node, std::string_view name) const {
    return foreign_number(comfy_value(nodes_, node, name));
  }
  std::string word(const ComfyNode& node, std::string_view name) const {
    const auto* value = comfy_value(nodes_, node, name);
    return value && value->is_string() ? value->get<std::string>() : "";
  }
  void leave_out(std::string what) { made_.left_out.push_back(std::move(what)); }

  void take_ksampler() {
    const bool advanced = node_.kind == "KSamplerAdvanced";
    made_.seed = comfy_value(nodes_, node_, advanced ? "noise_seed" : "seed");
    made_.steps = number(node_, "steps"), made_.guidance = number(node_, "cfg");
    made_.sampler = word(node_, "sampler_name"), made_.scheduler = word(node_, "scheduler");
    if (!advanced) return void(made_.denoise = number(node_, "denoise"));
    made_.from = number(node_, "start_at_step"), made_.to = number(node_, "end_at_step");
    made_.adds_noise = word(node_, "add_noise") != "disable";
    made_.keeps_noise = word(node_, "return_with_leftover_noise") == "enable";
  }

  void take_custom() {
    if (node_.kind == "SamplerCustomAdvanced") {
      take_noise();
      take_guider();
    } else {
      made_.seed = comfy_value(nodes_, node_, "noise_seed");
      made_.guidance = number(node_, "cfg");
      const auto* adds = comfy_value(nodes_, node_, "add_noise");
      made_.adds_noise = !(adds && adds->is_boolean() && !adds->get<bool>());
    }
    if (const auto* sampler = behind(node_, "sampler")) take_sampler_node(*sampler);
    take_sigmas();
  }

  const ComfyNode* behind(const ComfyNode& from, std::string_view input) const {
    return behind_reroutes(nodes_, from, input);
  }

  void take_noise() {
    const auto* noise = behind(node_, "noise");
    if (!noise) return;
    made_.adds_noise = noise->kind != "DisableNoise";
    made_.seed = comfy_value(nodes_, *noise, "noise_seed");
    if (made_.adds_noise && !made_.seed) leave_out(noise->shown());
  }

  void take_guider() {
    const auto* guider = behind(node_, "guider");
    if (!guider) return;
    made_.guider = guider;
    made_.guidance = guider->kind == "BasicGuider" ? 1 : number(*guider, "cfg");
    if (guider->kind != "BasicGuider" && guider->kind != "CFGGuider") leave_out(guider->shown());
  }

  void take_sampler_node(const ComfyNode& node) {
    made_.sampler = word(node, "sampler_name");
    if (node.kind == "KSamplerSelect") return;
    const auto found = std::find_if(std::begin(kComfySamplers), std::end(kComfySamplers),
                                    [&](const auto& known) { return known.first == node.kind; });
    if (found == std::end(kComfySamplers)) return leave_out(node.shown());
    made_.sampler = found->second;
    if (word(node, "noise_device") == "gpu") made_.sampler += "_gpu";
    if (found->second != "lms") made_.eta = number(node, "eta");
    for (const auto& [name, usual] : {std::pair{"s_noise", 1.0}, {"order", 4.0}, {"r", 0.5}})
      if (const auto value = number(node, name); value && *value != usual)
        leave_out(fmt::format("{} {} of {}", name, *value, node.shown()));
    if (const auto solver = word(node, "solver_type"); !solver.empty() && solver != "midpoint")
      leave_out(fmt::format("solver_type {} of {}", foreign_shown(solver), node.shown()));
  }

  /** The first or the last part of other sigmas. */
  void take_split(const ComfyNode& split) {
    const auto step = number(split, "step");
    if (!step) return leave_out(split.shown());
    ((*node_.input("sigmas"))[1] == 0 ? made_.to : made_.from) = step;
  }

  void take_sigmas() {
    const auto* node = behind(node_, "sigmas");
    if (node && node->kind == "SplitSigmas") {
      // Behind a reroute nobody sees which of its two parts is meant.
      if (nodes_.behind(node_, {"sigmas"}) != node) return leave_out(node->shown());
      take_split(*node);
      node = behind(*node, "sigmas");
    }
    if (node) take_levels_of(*node);
  }

  void take_levels_of(const ComfyNode& node) {
    made_.steps = number(node, "steps"), made_.denoise = number(node, "denoise");
    made_.scheduler = word(node, "scheduler");
    if (node.kind == "BasicScheduler") return;
    if (node.kind == "AlignYourStepsScheduler") return void(made_.scheduler = "ays");
    if (node.kind == "BetaSamplingScheduler" && number(node, "alpha") == 0.6 && number(node, "beta") == 0.6)
      return void(made_.scheduler = "beta");
    if (node.kind == "SDTurboScheduler" && made_.denoise.value_or(1) == 1) return take_turbo();
    if (node.kind == "KarrasScheduler" || node.kind == "ExponentialScheduler" ||
        node.kind == "PolyexponentialScheduler")
      if (take_formula(node)) return;
    leave_out(node.shown());
  }

  int whole_steps(int most) const {
    const auto steps = made_.steps.value_or(0);
    return steps >= 1 && steps <= most && steps == std::floor(steps) ? static_cast<int>(steps) : 0;
  }

  /** Every hundredth timestep from the noisiest on. */
  void take_turbo() {
    constexpr int kTurboSteps = 10;
    for (int i = 0; i < whole_steps(kTurboSteps); ++i) made_.timesteps.push_back(999 - 100 * i);
  }

  /** k-diffusion's levels between two that are given. */
  bool take_formula(const ComfyNode& node) {
    const int n = whole_steps(kMostComfySteps);
    const auto high = number(node, "sigma_max"), low = number(node, "sigma_min");
    const double rho = node.kind == "ExponentialScheduler" ? 1 : number(node, "rho").value_or(0);
    if (n == 0 || !high || !low || !(*low > 0 && *high > *low && *high < 1e6) || !(rho > 0 && rho <= 100)) return false;
    for (int i = 0; i < n; ++i) {
      const double ramp = n > 1 ? i / (n - 1.0) : 0;
      if (node.kind == "KarrasScheduler") {
        const double a = std::pow(*high, 1 / rho), b = std::pow(*low, 1 / rho);
        made_.sigmas.push_back(std::pow(a + ramp * (b - a), rho));
      } else {
        const double share = std::pow(1 - ramp, rho);
        made_.sigmas.push_back(std::exp(share * (std::log(*high) - std::log(*low)) + std::log(*low)));
      }
    }
    return true;
  }

  const ComfyNodes& nodes_;
  const ComfyNode& node_;
  ComfySampling made_;
};

}  // namespace

bool is_comfy_sampler(const ComfyNode& node) {
  return node.kind == "KSampler" || node.kind == "KSamplerAdvanced" || node.kind == "SamplerCustom" ||
         node.kind == "SamplerCustomAdvanced";
}

ComfySampling comfy_sampling(const ComfyNodes& nodes, const ComfyNode& node) {
  return SamplingReader(nodes, node)();
}

}  // namespace corepulse::pipeline
