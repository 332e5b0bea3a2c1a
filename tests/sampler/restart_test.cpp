// Restart: where it goes back up, and with how much noise.
#include <cmath>
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "laws.h"

namespace corepulse::sampler {
namespace {

TEST_CASE("restart is heun below 20 steps, then goes back up from 0.1 to 2 as often as A1111's") {
  const auto x = normal({1, 64, 64, 4}, 17);
  CHECK(same_bits(run(options(SamplerKind::restart, 19), gaussian_denoiser, x).back(),
                  run(options(SamplerKind::heun, 19), gaussian_denoiser, x).back()));
  for (const int n : {20, 35, 36, 100}) {
    CAPTURE(n);
    const auto o = options(SamplerKind::restart, n);
    const auto schedule = make_schedule(sd_training(), o);
    CHECK(schedule.steps() == n);
    int up = 0;
    const auto latents = run(o, gaussian_denoiser, x);
    for (int i = 0; i < n; ++i) {
      const double sigma = schedule.sigma[i + 1];
      if (sigma < schedule.sigma[i]) {
        CHECK(schedule.ends[i] == sigma);
        continue;
      }
      ++up;
      CHECK(schedule.ends[i] == doctest::Approx(0.1).epsilon(0.6));
      CHECK(sigma == doctest::Approx(2).epsilon(0.4));
      CHECK(spread(latents[i + 1]) == doctest::Approx(std::sqrt(1 + sigma * sigma)).epsilon(0.06));
    }
    CHECK(up == (n < 36 ? 1 : 2));
  }
}

TEST_CASE("restart from a picture chooses its levels between those that run; given ones are not replaced") {
  auto o = options(SamplerKind::restart, 40);
  const auto whole = make_schedule(sd_training(), o), part = make_schedule(sd_training(), o, 24);
  CHECK(part.steps() == 24);
  CHECK(part.skipped == 16);
  o.sampler = SamplerKind::heun;
  CHECK(part.sigma[0] == make_schedule(sd_training(), o).sigma[16]);
  CHECK(part.noisiest == whole.sigma[0]);
  CHECK(part.ends.size() == 24);
  o = {};
  o.sampler = SamplerKind::restart;
  for (int i = 0; i < 20; ++i) o.sigmas.push_back(10 - i * 0.5);
  CHECK_THROWS_AS(make_schedule(sd_training(), o), Error);
  o.sigmas.pop_back();
  CHECK(make_schedule(sd_training(), o).steps() == 19);
}

}  // namespace
}  // namespace corepulse::sampler
