// The Brownian tree against torchsde 0.2.6, and k-diffusion's SDE samplers with it (make_brownian_goldens.py).
#include <doctest/doctest.h>
#include <sstream>

#include "sampler/noise/brownian_tree.h"
#include "sampler/noise/seed_sequence.h"
#include "trajectory.h"

namespace corepulse::sampler {
namespace {

std::vector<uint64_t> numbers(const std::string& text) {
  std::vector<uint64_t> result;
  std::istringstream in(text);
  for (std::string number; std::getline(in, number, '_');) result.push_back(std::stoull(number));
  return result;
}

Schedule with_levels(const mx::array& levels) {
  Schedule schedule;
  for (const float sigma : values<float>(levels)) schedule.sigma.push_back(sigma);
  schedule.t.resize(schedule.sigma.size());
  schedule.sigma.push_back(0);
  return schedule;
}

mx::array in_torchs_order(const mx::array& latents) {
  return mx::transpose(latents, {0, 3, 1, 2});
}

TEST_CASE("seeds are split as numpy splits them") {
  size_t cases = 0;
  for (const auto& [name, words] : load_goldens("brownian.safetensors")) {
    if (!name.starts_with("words/")) continue;
    const auto given = numbers(name.substr(6));
    std::vector<int64_t> ours;
    for (const uint32_t word : seed_words(given[0], {given.begin() + 1, given.end()}, 24, 4)) ours.push_back(word);
    CHECK(ours == values<int64_t>(words));
    ++cases;
  }
  CHECK(cases == 5);
}

TEST_CASE("the noise of a way is that of torchsde's tree, whatever was asked before") {
  const auto goldens = load_goldens("brownian.safetensors");
  size_t cases = 0;
  for (const auto& [name, expected] : goldens) {
    if (!name.starts_with("noise/")) continue;
    CAPTURE(name);
    const auto slash = name.rfind('/');
    const auto seeds = numbers(name.substr(6, slash - 6));
    const auto steps = name.substr(slash + 1);
    const auto ways = values<float>(goldens.at("ways/" + steps));
    const int height = expected.shape(-2), width = expected.shape(-1);
    const auto span = tree_span(with_levels(goldens.at("levels/" + steps)), Compat::comfy);
    TreeNoise noise(NoiseKind::cpu, seeds, height, width, span);
    TreeNoise backwards(NoiseKind::cpu, seeds, height, width, span);
    std::vector<mx::array> ours, again;
    const size_t count = ways.size() / 2;
    for (size_t i = 0; i < count; ++i) ours.push_back(in_torchs_order(noise({ways[2 * i], ways[2 * i + 1]})));
    for (size_t i = count; i-- > 0;) again.push_back(in_torchs_order(backwards({ways[2 * i], ways[2 * i + 1]})));
    for (size_t i = 0; i < count; ++i) {
      const auto theirs = mx::take(expected, static_cast<int>(i), 0);
      CHECK(mx::max(mx::abs(ours[i] - theirs)).item<float>() < 1e-6);
      CHECK(values<float>(ours[i]) == values<float>(again[count - 1 - i]));
    }
    ++cases;
  }
  CHECK(cases == 9);
}

TEST_CASE("a run from a picture grows its tree over the levels that run, A1111's over all of the schedule's") {
  SamplingOptions o;
  o.sampler = SamplerKind::dpmpp_2m_sde, o.schedule = ScheduleKind::karras, o.steps = 10;
  for (const auto compat : {Compat::comfy, Compat::a1111}) {
    o.compat = compat;
    const auto whole = make_schedule(sd_training(), o), part = make_schedule(sd_training(), o, 4);
    REQUIRE(part.steps() == 4);
    CHECK(part.skipped == 6);
    const auto span = tree_span(part, compat);
    CHECK(span.to == whole.sigma[9]);
    CHECK(span.from == whole.sigma[compat == Compat::a1111 ? 0 : 6]);
  }
}

TEST_CASE("k-diffusion's SDE samplers draw their picture from its seed") {
  const auto goldens = load_goldens("brownian.safetensors");
  size_t cases = 0;
  for (const auto& [name, latents] : goldens) {
    if (!name.starts_with("run/")) continue;
    CAPTURE(name);
    const auto slash = name.rfind('/');
    SamplingOptions o;
    o.compat = Compat::a1111;
    o.sampler = parse_sampler(name.substr(4, slash - 4)).sampler;
    for (const float sigma : values<float>(goldens.at("levels/9"))) o.sigmas.push_back(sigma);
    const std::vector<uint64_t> seeds{std::stoull(name.substr(slash + 1))};
    const auto training = sd_training();
    const auto schedule = make_schedule(training, o);
    CHECK(draws_on_a_tree(o.sampler, o.compat));
    TreeNoise noise(NoiseKind::cpu, seeds, latents.shape(2), latents.shape(3), tree_span(schedule, o.compat));
    const auto sampler = make_sampler(schedule, training, o);
    auto x = BatchNoise(NoiseKind::cpu, seeds, latents.shape(2), latents.shape(3))();
    x = x * like(static_cast<float>(schedule.initial_scale), x);
    const Denoiser denoise = [&training](const mx::array& at, const Evaluation& e) {
      return denoised(training, at, network(model_input(training, at, e.sigma), e.t), e.sigma);
    };
    // k-diffusion finds the middle of a step of dpmpp_sde in float32.
    const double most = o.sampler == SamplerKind::dpmpp_sde ? 2e-3 : 2e-5;
    for (int i = 0; i < schedule.steps(); ++i) {
      x = sampler->step(i, x, denoise, [&](Way way) { return noise(way); });
      CHECK(relative_error(in_torchs_order(x), mx::slice(latents, {i + 1, 0, 0, 0}, {i + 2, 4, 3, 4})) < most);
    }
    ++cases;
  }
  CHECK(cases == 6);
}

}  // namespace
}  // namespace corepulse::sampler
