// What holds for every sampler, whatever the network says.
#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "laws.h"

namespace corepulse::sampler {
namespace {

bool is_random(SamplerKind s) {
  using enum SamplerKind;
  constexpr SamplerKind all[] = {euler_a, dpmpp_2m_sde, dpmpp_sde, lcm, dpmpp_2s_a, dpmpp_3m_sde, dpm_2_a, ddpm, tcd};
  return std::ranges::find(all, s) != std::end(all);
}

TEST_CASE("evaluations() lists exactly the calls that step() makes") {
  const auto training = sd_training();
  const auto x0 = normal({1, 2, 2, 4}, 1);
  for (const auto sampler : kSamplers)
    for (const auto schedule_kind : kSchedules)
      for (const auto compat : kCompats)
        for (const int n : {1, 2, 3, 10}) {
          auto o = options(sampler, n, schedule_kind);
          o.compat = compat;
          const auto schedule = make_schedule(training, o);
          const auto announced = evaluations(schedule, o);
          const auto machine = make_sampler(schedule, training, o);
          std::vector<Evaluation> made;
          const auto noise = repeatable_noise(x0.shape());
          auto x = x0;
          for (int i = 0; i < schedule.steps(); ++i)
            x = machine->step(
                i, x, [&](const mx::array& at, const Evaluation& e) { return made.push_back(e), at; }, noise);
          CAPTURE(std::string(name(sampler)));
          CAPTURE(name(schedule_kind));
          CAPTURE(std::string(name(compat)));
          CAPTURE(n);
          REQUIRE(made.size() == announced.size());
          for (size_t i = 0; i < made.size(); ++i) {
            const auto &a = made[i], &b = announced[i];
            REQUIRE((a.step == b.step && a.t == b.t && a.sigma == b.sigma && a.first == b.first));
          }
        }
}

TEST_CASE("a network that is always sure of one picture gets that picture") {
  const auto picture = normal({1, 4, 5, 4}, 3);
  for (const auto sampler : kSamplers) {
    CAPTURE(std::string(name(sampler)));
    const auto latents =
        run(options(sampler, 9), [&](const mx::array&, const Evaluation&) { return picture; }, normal({1, 4, 5, 4}, 4));
    // LCM keeps a share of x that falls with t; the last t here is 0, where it keeps everything. TCD and DEIS end at
    // the level of timestep 0.
    const bool ends_above = sampler == SamplerKind::tcd || sampler == SamplerKind::deis;
    if (ends_above) CHECK(relative_error(latents.back(), picture) < 0.05);
    if (sampler != SamplerKind::lcm && !ends_above) CHECK(relative_error(latents.back(), picture) < 2e-6);
  }
}

TEST_CASE("denoised() is what the network said last") {
  const auto training = sd_training();
  for (const auto sampler : kSamplers) {
    if (sampler == SamplerKind::lcm) continue;  // its boundary condition changes what was said
    CAPTURE(std::string(name(sampler)));
    const auto o = options(sampler, 4);
    const auto schedule = make_schedule(training, o);
    const auto machine = make_sampler(schedule, training, o);
    CHECK_THROWS_AS(machine->denoised(), Error);
    auto said = normal({1, 2, 2, 4}, 0);
    int calls = 0;
    const Denoiser denoise = [&](const mx::array&, const Evaluation&) {
      return said = normal({1, 2, 2, 4}, 50 + calls++);
    };
    auto x = normal({1, 2, 2, 4}, 1);
    for (int i = 0; i < schedule.steps(); ++i) {
      x = machine->step(i, x, denoise, repeatable_noise(x.shape()));
      CHECK(same_bits(machine->denoised(), said));
    }
  }
}

TEST_CASE("without fresh noise the random samplers are their deterministic partners") {
  const auto x = normal({1, 4, 4, 4}, 5);
  const auto check = [&](SamplerKind random, SamplerKind partner, ScheduleKind schedule) {
    auto o = options(random, 10, schedule);
    o.eta = 0, o.eta_given = true;
    const auto a = run(o, gaussian_denoiser, x), b = run(options(partner, 10, schedule), gaussian_denoiser, x);
    for (size_t i = 0; i < a.size(); ++i) CHECK(relative_error(a[i], b[i]) < 1e-5);
  };
  check(SamplerKind::euler_a, SamplerKind::euler, ScheduleKind::karras);
  check(SamplerKind::dpmpp_2m_sde, SamplerKind::dpmpp_2m, ScheduleKind::karras);
  check(SamplerKind::ddim, SamplerKind::euler, ScheduleKind::sgm_uniform);
  check(SamplerKind::dpm_2_a, SamplerKind::dpm_2, ScheduleKind::karras);
}

TEST_CASE("ddpm is euler_a with all noise fresh, tcd without fresh noise goes where euler goes") {
  const auto x = normal({1, 4, 4, 4}, 14);
  auto o = options(SamplerKind::ddpm, 10);
  o.compat = Compat::a1111;  // where all of them have the same levels
  const auto run_of = [&](SamplerKind sampler) {
    o.sampler = sampler;
    return run(o, gaussian_denoiser, x);
  };
  const auto a = run_of(SamplerKind::ddpm), b = run_of(SamplerKind::euler_a);
  for (size_t i = 0; i < a.size(); ++i) CHECK(relative_error(a[i], b[i]) < 1e-5);
  o.eta = 0, o.eta_given = true;
  const auto c = run_of(SamplerKind::tcd), d = run_of(SamplerKind::euler);
  for (size_t i = 0; i + 1 < c.size(); ++i) CHECK(relative_error(c[i], d[i]) < 1e-5);
}

TEST_CASE("CFG++ goes to the guided estimate along the negative prompt's noise; without guidance it is its partner") {
  const auto x = normal({1, 4, 4, 4}, 15);
  const auto same = [](const mx::array& at, const Evaluation& e) {
    const auto estimate = gaussian_denoiser(at, e);
    if (e.negative) *e.negative = estimate;
    return estimate;
  };
  const auto guided = [&](const mx::array& at, const Evaluation& e) {
    const auto estimate = same(at, e);
    return estimate * like(1.5f, at);
  };
  const std::pair<SamplerKind, SamplerKind> pairs[] = {{SamplerKind::euler_cfg_pp, SamplerKind::euler},
                                                       {SamplerKind::dpmpp_2m_cfg_pp, SamplerKind::dpmpp_2m}};
  for (const auto& [ours, partner] : pairs) {
    CAPTURE(std::string(name(ours)));
    auto o = options(partner, 20);
    const auto plain = run(o, same, x), theirs = run(o, guided, x);
    o.sampler = ours;
    const auto a = run(o, same, x), b = run(o, guided, x);
    // The two start at other scales: a Diffusers scheduler's or Euler's.
    CHECK(relative_error(a.back(), plain.back()) < 5e-3);
    CHECK(relative_error(b.back(), theirs.back()) > 1e-2);
  }
}

TEST_CASE("levels given one by one are the levels of the run") {
  const auto training = sd_training();
  SamplingOptions o;
  o.timesteps = {999, 749, 499, 249};
  for (const auto sampler : kSamplers) {
    o.sampler = sampler;
    CAPTURE(std::string(name(sampler)));
    const auto schedule = make_schedule(training, o);
    CHECK(schedule.t == o.timesteps);
    CHECK(schedule.sigma.size() == 5);
    CHECK(schedule.sigma.back() == 0);
    auto by_sigma = o;
    by_sigma.sigmas = {schedule.sigma.begin(), schedule.sigma.end() - 1};
    by_sigma.timesteps.clear();
    CHECK(make_schedule(training, by_sigma).sigma == schedule.sigma);
  }
  const auto refused = [&](std::vector<double> timesteps, std::vector<double> sigmas) {
    auto bad = o;
    bad.timesteps = std::move(timesteps), bad.sigmas = std::move(sigmas);
    CHECK_THROWS_AS(make_schedule(training, bad), Error);
  };
  refused({999, 999}, {});
  refused({10, 20}, {});
  refused({1000}, {});
  refused({-1}, {});
  refused({NAN}, {});
  refused({999}, {14});
  refused({}, {20});
  refused({}, {0});
  refused({}, {-INFINITY});
  refused(std::vector<double>(1001, 5), {});
}

TEST_CASE("fresh noise is drawn only where some of it is used") {
  const auto training = sd_training();
  for (const auto sampler : kSamplers) {
    CAPTURE(std::string(name(sampler)));
    auto o = options(sampler, 5, ScheduleKind::sgm_uniform);
    for (const double eta : {0.0, 1.0}) {
      o.eta = eta, o.eta_given = true;
      const auto schedule = make_schedule(training, o);
      const auto machine = make_sampler(schedule, training, o);
      auto x = normal({1, 2, 2, 4}, 1);
      std::vector<int> draws(5, 0);
      for (int i = 0; i < 5; ++i) x = machine->step(i, x, gaussian_denoiser, [&](Way) { return ++draws[i], x; });
      const bool draws_any = sampler == SamplerKind::lcm || sampler == SamplerKind::ddpm ||
                             (eta > 0 && (is_random(sampler) || sampler == SamplerKind::ddim));
      const int each = !draws_any ? 0 : sampler == SamplerKind::dpmpp_sde ? 2 : 1;
      CHECK(draws == std::vector<int>{each, each, each, each, 0});
    }
  }
}

TEST_CASE("A1111's ddim is Diffusers' with leading spacing, to the last step") {
  const auto x = normal({1, 4, 4, 4}, 13);
  auto o = options(SamplerKind::ddim, 10, ScheduleKind::leading);
  o.set_alpha_to_one = false;
  const auto diffusers = run(o, gaussian_denoiser, x);
  o.compat = Compat::a1111;
  const auto a1111 = run(o, gaussian_denoiser, x);
  for (size_t i = 0; i < a1111.size(); ++i) CHECK(same_bits(a1111[i], diffusers[i]));
  o.compat = Compat::comfy;  // whose ddim ends at sigma 0
  CHECK(relative_error(run(o, gaussian_denoiser, x).back(), diffusers.back()) > 1e-4);
}

TEST_CASE("twice the steps: first-order samplers halve their error, second-order ones quarter it") {
  const auto x = normal({1, 8, 8, 4}, 6);
  const auto error = [&](SamplerKind sampler, int n) {
    auto o = options(sampler, n);
    o.eta = 0, o.eta_given = true;
    const auto schedule = make_schedule(sd_training(), o);
    const auto latents = run(o, gaussian_denoiser, x);
    // The exact path is x / sqrt(1 + sigma^2) = constant; the last step, to sigma 0, is first-order everywhere.
    const auto exact = latents[0] * mx::array(static_cast<float>(std::sqrt((1 + std::pow(schedule.sigma[n - 1], 2)) /
                                                                           (1 + std::pow(schedule.sigma[0], 2)))));
    return relative_error(latents[n - 1], exact);
  };
  for (const auto sampler : {SamplerKind::euler, SamplerKind::ddim, SamplerKind::euler_cfg_pp}) {
    CAPTURE(std::string(name(sampler)));
    CHECK(error(sampler, 20) / error(sampler, 40) == doctest::Approx(2).epsilon(0.15));
  }
  for (const auto sampler :
       {SamplerKind::heun, SamplerKind::dpmpp_2m, SamplerKind::unipc, SamplerKind::dpm_2, SamplerKind::deis,
        SamplerKind::dpmpp_2s_a, SamplerKind::dpmpp_3m_sde, SamplerKind::dpmpp_2m_cfg_pp}) {
    CAPTURE(std::string(name(sampler)));
    CHECK(error(sampler, 40) / error(sampler, 80) > 3.3);
    CHECK(error(sampler, 20) < 0.02);
  }
}

TEST_CASE("at even levels the multistep samplers of order 4 come near the path far faster") {
  const auto x = normal({1, 8, 8, 4}, 16);
  const auto error = [&](SamplerKind sampler, int n) {
    SamplingOptions o;
    o.sampler = sampler, o.compat = Compat::comfy;
    for (int i = 0; i <= n; ++i) o.sigmas.push_back(3 - 2.0 * i / n);  // from 3 to 1, and the last step to 0
    const auto latents = run(o, gaussian_denoiser, x);
    const auto exact = latents[0] * like(static_cast<float>(std::sqrt(2 / 10.0)), x);
    return relative_error(latents[static_cast<size_t>(n)], exact);
  };
  // The first steps are of lower order; so is the law, but for PLMS's first one.
  for (const auto sampler : {SamplerKind::lms, SamplerKind::ipndm, SamplerKind::pndm}) {
    CAPTURE(std::string(name(sampler)));
    CHECK(error(sampler, 10) / error(sampler, 20) > 3.2);
    CHECK(error(sampler, 20) < 2e-3);
  }
}

TEST_CASE("fresh noise keeps the latent's variance at 1 + sigma^2") {
  auto x = normal({1, 64, 64, 4}, 8);
  for (const auto sampler : kSamplers) {
    if (!is_random(sampler) || sampler == SamplerKind::lcm || sampler == SamplerKind::tcd) continue;
    CAPTURE(std::string(name(sampler)));
    const auto o = options(sampler, 60);
    const auto schedule = make_schedule(sd_training(), o);
    const auto latents = run(o, gaussian_denoiser, x);
    for (const int i : {15, 30, 45, 59}) {
      CAPTURE(i);
      const double expected = std::sqrt(1 + schedule.sigma[i] * schedule.sigma[i]);
      CHECK(spread(latents[i]) == doctest::Approx(expected).epsilon(0.06));
    }
  }
}

TEST_CASE("an image of a batch equals the same image alone, and a run repeated equals itself") {
  const auto one = normal({1, 3, 4, 4}, 9), two = normal({1, 3, 4, 4}, 10);
  const auto both = mx::concatenate({one, two}, 0);
  const auto network = [](const mx::array& x, const Evaluation& e) {
    return mx::sin(x) * like(static_cast<float>(1 / (1 + e.sigma)), x);
  };
  for (const auto sampler : kSamplers) {
    if (is_random(sampler)) continue;  // the noise of each image is its caller's
    CAPTURE(std::string(name(sampler)));
    const auto o = options(sampler, 7);
    const auto alone = run(o, network, two), batch = run(o, network, both);
    CHECK(same_bits(mx::take(batch.back(), 1, 0), mx::take(alone.back(), 0, 0)));
    CHECK(same_bits(run(o, network, two).back(), alone.back()));
  }
}

TEST_CASE("a sampler keeps the dtype of x") {
  for (const auto sampler : kSamplers) {
    CAPTURE(std::string(name(sampler)));
    const auto x = mx::astype(normal({1, 2, 2, 4}, 11), mx::float16);
    const auto training = sd_training();
    const auto o = options(sampler, 3);
    const auto schedule = make_schedule(training, o);
    const auto machine = make_sampler(schedule, training, o);
    auto latent = x;
    for (int i = 0; i < 3; ++i) latent = machine->step(i, latent, gaussian_denoiser, [&](Way) { return x; });
    CHECK(latent.dtype() == mx::float16);
  }
}

TEST_CASE("a step that the schedule does not have is an error") {
  const auto training = sd_training();
  const auto x = normal({1, 2, 2, 4}, 12);
  for (const auto sampler : kSamplers) {
    const auto o = options(sampler, 3);
    const auto machine = make_sampler(make_schedule(training, o), training, o);
    for (const int i : {-1, 3, 1000000})
      CHECK_THROWS_AS(machine->step(i, x, gaussian_denoiser, [&](Way) { return x; }), Error);
  }
}

}  // namespace
}  // namespace corepulse::sampler
