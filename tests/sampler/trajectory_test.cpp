// Every sampler against Diffusers 0.42.1 and k-diffusion 0.1.1, latent by latent (make_sampler_goldens.py).
#include "trajectory.h"

#include <doctest/doctest.h>
#include <sstream>

namespace corepulse::sampler {
namespace {

// A trajectory's key: sampler/schedule/spacing/prediction/snr/steps/eta.
Case parse_case(const std::string& key, Compat compat) {
  std::istringstream in(key);
  std::string field[7];
  for (auto& f : field) std::getline(in, f, '/');
  SamplingOptions o;
  o.compat = compat;
  o.sampler = parse_sampler(field[0]).sampler;
  o.schedule = parse_schedule(field[1]);
  if (field[2] != "-") o.model_spacing = parse_schedule(field[2]);
  o.steps = std::stoi(field[5]);
  o.eta_given = field[6] != "-";
  if (o.eta_given) o.eta = std::stod(field[6]);
  return {sd_training(parse_prediction(field[3]), field[4] == "zero"), o};
}

void check_file(const std::string& file, Compat compat, size_t expected_cases) {
  const auto goldens = load_goldens(file);
  const auto& noises = goldens.at("noises");
  size_t cases = 0;
  for (const auto& [name, latents] : goldens) {
    if (!name.ends_with("/x")) continue;
    const auto key = name.substr(0, name.size() - 2);
    CAPTURE(key);
    const auto c = parse_case(key, compat);
    const bool zero_snr = c.training.alphas_cumprod.back() == 0;
    const bool in_vp = compat == Compat::diffusers && variance_preserving(c.options.sampler);
    const auto ours = run(c, noises, in_vp);
    CHECK(deviation(ours.t, values<float>(goldens.at(key + "/t"))) < 1e-5);
    CHECK(deviation(ours.sigma, values<float>(goldens.at(key + "/sigma"))) < 1e-5);
    REQUIRE(static_cast<int>(ours.latents.size()) == latents.shape(0));
    CHECK(error_of(ours, latents) <= (zero_snr ? 1e-3 : 1e-5));
    ++cases;
  }
  CHECK(cases == expected_cases);
}

TEST_CASE("each sampler follows Diffusers' scheduler of its name, latent by latent") {
  check_file("sampler_diffusers.safetensors", Compat::diffusers, 166);
}

TEST_CASE("each sampler of k-diffusion is followed in compat a1111, latent by latent") {
  check_file("sampler_k_diffusion.safetensors", Compat::a1111, 54);
}

// compat/sampler/schedule/spacing/prediction/steps/eta/list: see make_further_sampler_goldens.py.
Case parse_further(const std::string& key) {
  std::istringstream in(key);
  std::string field[8];
  for (auto& f : field) std::getline(in, f, '/');
  auto c =
      parse_case(field[1] + "/" + field[2] + "/" + field[3] + "/" + field[4] + "/plain/" + field[5] + "/" + field[6],
                 parse_compat(field[0]));
  const bool sigmas = field[7][0] == 's';
  std::istringstream list(field[7].substr(sigmas ? 1 : 0));
  for (std::string number; field[7] != "-" && std::getline(list, number, '_');)
    (sigmas ? c.options.sigmas : c.options.timesteps).push_back(std::stod(number));
  return c;
}

TEST_CASE("further samplers, and levels given one by one, follow Diffusers, k-diffusion and ComfyUI's formulas") {
  const auto goldens = load_goldens("sampler_further.safetensors");
  size_t cases = 0;
  for (const auto& [name, latents] : goldens) {
    if (!name.ends_with("/x")) continue;
    const auto key = name.substr(0, name.size() - 2);
    CAPTURE(key);
    const auto c = parse_further(key);
    const bool in_vp = c.options.compat == Compat::diffusers && variance_preserving(c.options.sampler);
    const auto ours = run(c, goldens.at("noises"), in_vp);
    // A timestep of a sigma between two is found in float32 there.
    CHECK(deviation(ours.t, values<float>(goldens.at(key + "/t"))) < 3e-5);
    CHECK(deviation(ours.sigma, values<float>(goldens.at(key + "/sigma"))) < 1e-5);
    CHECK(static_cast<int>(ours.latents.size()) == latents.shape(0));
    // Guidance of 3 makes more of float32's rounding.
    const bool guided = key.find("cfg_pp") != key.npos;
    CHECK(error_of(ours, latents) <= (guided ? 1e-4 : 1e-5));
    ++cases;
  }
  CHECK(cases == 135);
}

}  // namespace
}  // namespace corepulse::sampler
