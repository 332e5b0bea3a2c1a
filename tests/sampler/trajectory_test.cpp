// Every sampler against Diffusers 0.42.1 and k-diffusion 0.1.1, latent by latent (make_sampler_goldens.py).
#include <cmath>
#include <doctest/doctest.h>
#include <sstream>

#include "goldens.h"
#include "sampler/levels.h"
#include "sampler/prediction.h"

namespace corepulse::sampler {
namespace {

/** A trajectory's key: sampler/schedule/spacing/prediction/snr/steps/eta. */
struct Case {
  Training training;
  SamplingOptions options;
};

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

mx::array network(const mx::array& x, double t) {
  return like(0.6f, x) * x + like(0.3f, x) * mx::sin(like(3, x) * x) +
         like(static_cast<float>(0.2 * std::cos(t / 100)), x);
}

struct Run {
  std::vector<double> t, sigma;
  std::vector<mx::array> latents;
};

// The latents in the coordinates of the golden: Diffusers' solvers divide by sqrt(1 + sigma^2).
Run run(const Case& c, const mx::array& noises, bool in_vp) {
  const auto schedule = make_schedule(c.training, c.options);
  const auto sampler = make_sampler(schedule, c.training, c.options);
  int drawn = 0;
  const auto noise = [&] { return mx::take(noises, drawn++, 0); };
  auto x = noise() * mx::array(static_cast<float>(schedule.initial_scale));
  Run result;
  const auto keep = [&](int i) {
    const double sigma = in_vp ? schedule.sigma[i] : 0;
    result.latents.push_back(model_input(x, sigma));
    result.latents.back().eval();
  };
  const Denoiser denoise = [&](const mx::array& at, const Evaluation& e) {
    result.t.push_back(e.t);
    result.sigma.push_back(e.sigma);
    return denoised(c.training.prediction, at, network(model_input(at, e.sigma), e.t), e.sigma);
  };
  keep(0);
  for (int i = 0; i < schedule.steps(); ++i) {
    x = sampler->step(i, x, denoise, noise);
    keep(i + 1);
  }
  return result;
}

// The largest deviation of one list of numbers; relative, but absolute below 1.
double deviation(const std::vector<double>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i)
    most = std::max(most, std::abs(a[i] - b[i]) / std::max(1.0, std::abs<double>(b[i])));
  return most;
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
    double error = 0;
    for (size_t i = 0; i < ours.latents.size(); ++i)
      error = std::max(error, relative_error(ours.latents[i], mx::take(latents, static_cast<int>(i), 0)));
    CHECK(error <= (zero_snr ? 1e-3 : 1e-5));
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

}  // namespace
}  // namespace corepulse::sampler
