// Noise levels: laws over every sampler and schedule, then Diffusers', ComfyUI's and A1111's own lists.
#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "goldens.h"
#include "sampler/schedule/levels.h"

namespace corepulse::sampler {
namespace {

SamplingOptions options(SamplerKind sampler, int steps, ScheduleKind schedule, Compat compat = Compat::diffusers) {
  SamplingOptions o;
  o.sampler = sampler;
  o.steps = steps;
  o.schedule = schedule;
  o.compat = compat;
  return o;
}

Schedule schedule_of(const SamplingOptions& o) {
  return make_schedule(sd_training(), o);
}

void check_rejected(SamplingOptions o, ErrorCode code, const std::string& words,
                    const Training& training = sd_training()) {
  CAPTURE(words);
  try {
    make_schedule(training, o);
    FAIL("accepted");
  } catch (const Error& e) {
    CHECK(e.code() == code);
    CHECK(std::string(e.what()).find(words) != std::string::npos);
  }
}

TEST_CASE("every step of a schedule falls, from at most sigma_max to 0, with timesteps in the table") {
  for (const bool zero_snr : {false, true})
    for (const auto sampler : kSamplers)
      for (const auto kind : kSchedules)
        for (const auto compat : kCompats)
          for (const int n : {1, 2, 3, 7, 15, 20, 50, 300}) {
            if ((sampler == SamplerKind::lcm || sampler == SamplerKind::tcd) && kind == ScheduleKind::model && n > 50)
              continue;
            CAPTURE(name(sampler));
            CAPTURE(name(kind));
            CAPTURE(name(compat));
            CAPTURE(n);
            const auto training = sd_training(Prediction::v, zero_snr);
            const auto s = make_schedule(training, options(sampler, n, kind, compat));
            const bool merges = kind == ScheduleKind::beta && compat == Compat::comfy;
            REQUIRE((s.steps() == n || (merges && s.steps() < n)));
            REQUIRE(static_cast<int>(s.sigma.size()) == s.steps() + 1);
            REQUIRE(s.sigma.back() == 0);
            REQUIRE(s.sigma.front() <= (zero_snr ? 4600 : 14.6151));
            for (int i = 0; i < s.steps(); ++i) {
              REQUIRE(s.sigma[i] > (s.ends.empty() ? s.sigma[i + 1] : s.ends[i]));
              REQUIRE((s.t[i] >= 0 && s.t[i] <= 999));
            }
            REQUIRE(s.initial_scale >= s.sigma.front());
            REQUIRE(s.initial_scale <= std::hypot(s.sigma.front(), 1) * (1 + 1e-12));
          }
}

TEST_CASE("for every number of steps from 1 to 1000 the timesteps are Diffusers'") {
  const auto goldens = load_goldens("sampler_diffusers.safetensors");
  int lists = 0;
  for (const auto& [key, sums] : goldens) {
    if (!key.starts_with("timesteps/")) continue;
    CAPTURE(key);
    ++lists;
    const auto slash = key.find('/', 10);
    const auto sampler = parse_sampler(key.substr(10, slash - 10)).sampler;
    auto o = options(sampler, 1, ScheduleKind::model);
    o.model_spacing = parse_schedule(key.substr(slash + 1));
    const auto expected = values<int64_t>(sums);
    for (o.steps = 1; o.steps <= static_cast<int>(expected.size()); ++o.steps) {
      CAPTURE(o.steps);
      const auto sum = expected[o.steps - 1];
      if (sum == -2) {
        REQUIRE_THROWS_AS(schedule_of(o), Error);
        continue;
      }
      const auto t = schedule_of(o).t;
      double ours = 0;
      for (size_t i = 0; i < t.size(); ++i) ours += (i + 1.0) * t[i];
      // -1: Diffusers' trailing rounds to one step too many, at t = -1.
      if (sum >= 0) REQUIRE(ours == static_cast<double>(sum));
    }
  }
  CHECK(lists == 9);
}

TEST_CASE("ComfyUI's and A1111's schedules are theirs") {
  const auto goldens = load_goldens("sampler_k_diffusion.safetensors");
  int lists = 0;
  for (const auto& [key, levels] : goldens) {
    if (!key.starts_with("levels/")) continue;
    CAPTURE(key);
    ++lists;
    const auto tool = key.substr(7, 5) == "comfy" ? Compat::comfy : Compat::a1111;
    const auto name_begin = key.find('/', 7) + 1, name_end = key.find('/', name_begin);
    auto kind = key.substr(name_begin, name_end - name_begin);
    auto o = options(SamplerKind::euler, std::stoi(key.substr(name_end + 1)), ScheduleKind::model, tool);
    o.sdxl = kind == "ays_sdxl";
    o.schedule = o.sdxl ? ScheduleKind::ays : parse_schedule(kind);
    const auto s = schedule_of(o);
    const auto expected = values<float>(levels);
    REQUIRE(s.sigma.size() == expected.size() + 1);
    for (size_t i = 0; i < expected.size(); ++i) CHECK(s.sigma[i] == doctest::Approx(expected[i]).epsilon(2e-6));
  }
  CHECK(lists == 90);
}

TEST_CASE("`model` is the model's own spacing, or what the other tools take by default") {
  auto o = options(SamplerKind::dpmpp_2m, 20, ScheduleKind::model);
  for (const auto spacing : {ScheduleKind::linspace, ScheduleKind::leading, ScheduleKind::trailing}) {
    o.model_spacing = spacing;
    CHECK(resolved_schedule(o) == spacing);
    auto named = o;
    named.schedule = spacing;
    CHECK(schedule_of(o).sigma == schedule_of(named).sigma);
  }
  o.model_curve = ScheduleKind::karras;
  CHECK(resolved_schedule(o) == ScheduleKind::karras);
  o.compat = Compat::comfy;
  CHECK(resolved_schedule(o) == ScheduleKind::linspace);
  o.compat = Compat::a1111;
  CHECK(resolved_schedule(o) == ScheduleKind::karras);
  o.sampler = SamplerKind::dpmpp_2m_sde;
  CHECK(resolved_schedule(o) == ScheduleKind::exponential);
  o.sampler = SamplerKind::ddim;
  CHECK(resolved_schedule(o) == ScheduleKind::leading);
  o.schedule = ScheduleKind::simple;
  CHECK(resolved_schedule(o) == ScheduleKind::simple);
}

TEST_CASE("the first latent is scaled as the tool scales it") {
  const auto scale = [](SamplerKind sampler, ScheduleKind kind, Compat compat) {
    const auto s = schedule_of(options(sampler, 20, kind, compat));
    if (s.initial_scale == s.sigma[0]) return std::string("sigma");
    return s.initial_scale == std::sqrt(1 + s.sigma[0] * s.sigma[0]) ? std::string("sqrt(1 + sigma^2)")
                                                                     : std::string("?");
  };
  using enum SamplerKind;
  CHECK(scale(euler, ScheduleKind::trailing, Compat::diffusers) == "sigma");
  CHECK(scale(euler, ScheduleKind::leading, Compat::diffusers) == "sqrt(1 + sigma^2)");
  CHECK(scale(euler, ScheduleKind::karras, Compat::diffusers) == "sqrt(1 + sigma^2)");  // model: leading
  CHECK(scale(ddim, ScheduleKind::trailing, Compat::diffusers) == "sqrt(1 + sigma^2)");
  CHECK(scale(euler, ScheduleKind::simple, Compat::comfy) == "sqrt(1 + sigma^2)");  // from sigma_max
  CHECK(scale(euler, ScheduleKind::leading, Compat::comfy) == "sigma");             // from below it
  CHECK(scale(euler, ScheduleKind::simple, Compat::a1111) == "sigma");
  CHECK(scale(ddim, ScheduleKind::leading, Compat::a1111) == "sqrt(1 + sigma^2)");
}

TEST_CASE("ComfyUI tells the network whole timesteps, A1111 those between") {
  for (const double t : schedule_of(options(SamplerKind::euler, 11, ScheduleKind::karras, Compat::comfy)).t)
    CHECK(t == std::round(t));
  const auto t = schedule_of(options(SamplerKind::euler, 11, ScheduleKind::karras, Compat::a1111)).t;
  CHECK(std::ranges::count_if(t, [](double v) { return v != std::round(v); }) > 5);
}

TEST_CASE("ComfyUI's unipc leaves out the last level before 0") {
  const auto unipc = schedule_of(options(SamplerKind::unipc, 10, ScheduleKind::simple, Compat::comfy));
  auto longer = schedule_of(options(SamplerKind::euler, 11, ScheduleKind::simple, Compat::comfy)).sigma;
  longer.erase(longer.end() - 2);
  CHECK(unipc.sigma == longer);
}

TEST_CASE("heun's second call is at the step's end, dpmpp_sde's in the middle of log sigma") {
  const auto heun = schedule_of(options(SamplerKind::heun, 5, ScheduleKind::karras));
  const auto sde = schedule_of(options(SamplerKind::dpmpp_sde, 5, ScheduleKind::karras));
  for (int i = 0; i < 4; ++i) {
    CHECK(heun.second_sigma[i] == heun.sigma[i + 1]);
    CHECK(heun.second_t[i] == heun.t[i + 1]);
    CHECK(sde.second_sigma[i] == doctest::Approx(std::sqrt(sde.sigma[i] * sde.sigma[i + 1])));
    CHECK((sde.second_t[i] < sde.t[i] && sde.second_t[i] > sde.t[i + 1]));
  }
  CHECK(heun.second_sigma[4] == 0);
  CHECK(sde.second_sigma[4] == 0);
  CHECK(schedule_of(options(SamplerKind::euler, 5, ScheduleKind::karras)).second_sigma.empty());
}

TEST_CASE("a request that no schedule can meet is refused with the reason") {
  const auto euler = options(SamplerKind::euler, 20, ScheduleKind::model);
  for (const int steps : {0, -1, 1001, 1 << 30}) {
    auto o = euler;
    o.steps = steps;
    check_rejected(o, ErrorCode::invalid_request, "expected 1..1000");
  }
  for (const double eta : {-0.1, 1.01, double{NAN}, HUGE_VAL}) {
    auto o = euler;
    o.eta = eta;
    check_rejected(o, ErrorCode::invalid_request, "eta");
  }
  auto o = euler;
  o.model_spacing = ScheduleKind::karras;
  check_rejected(o, ErrorCode::invalid_request, "model spacing karras");
  check_rejected(options(SamplerKind::lcm, 51, ScheduleKind::model), ErrorCode::invalid_request, "at most 50");
  check_rejected(options(SamplerKind::dpmpp_2m, 1000, ScheduleKind::leading), ErrorCode::invalid_request,
                 "use fewer steps");
  for (const int offset : {-5, 1000, 2147483647}) {
    o = euler;
    o.steps_offset = offset;
    check_rejected(o, ErrorCode::invalid_request, "no new level");
  }
}

TEST_CASE("a damaged training table is refused") {
  const auto o = options(SamplerKind::euler, 20, ScheduleKind::model);
  const auto refused = [&](std::vector<double> abar) {
    check_rejected(o, ErrorCode::bad_file, "scheduler_config", {std::move(abar), Prediction::epsilon});
  };
  refused({});
  refused({0.5});
  refused({0.5, 0.9});
  refused({0.9, 0.9});
  refused({1.5, 0.9});
  refused({0.9, std::nan("")});
  refused({0.9, -0.1});
  refused({0.9, 0, 0.1});
}

}  // namespace
}  // namespace corepulse::sampler
