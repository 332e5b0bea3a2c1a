// Windows open and close exactly: what no control touches is the plain run, step by step.
#include <doctest/doctest.h>

#include "observed_run.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

int changed(const ObservedRun& run) {
  size_t n = 0;
  for (const auto& call : run.calls) n += call.changed.size();
  return static_cast<int>(n);
}

int told(const ObservedRun& run) {
  int n = 0;
  const auto explanation = io::parse_json(run.explanation, "explanation");
  for (const auto& control : explanation["controls"]) n += control["pairs"].get<int>();
  return n;
}

}  // namespace

TEST_CASE("law 2: every latent before the first active step is the plain run's") {
  auto recipe = golden_recipe("small");
  recipe.steps = 6;
  for (const auto sampler : {SamplerKind::euler, SamplerKind::heun, SamplerKind::dpmpp_2m}) {
    recipe.sampler = sampler;
    recipe.controls.clear();
    const auto plain = observed_run("small", recipe);
    CHECK(changed(plain) == 0);
    recipe.controls = {inject("a dragon").steps(3, 5)};
    const auto controlled = observed_run("small", recipe);
    for (int i = 0; i < 3; ++i) CHECK(controlled.latents[i] == plain.latents[i]);
    CHECK(controlled.latents[3] != plain.latents[3]);
  }
}

TEST_CASE("law 9: the explain table equals the counters of a real run") {
  auto recipe = golden_recipe("small");
  recipe.steps = 6;
  for (const auto sampler : {SamplerKind::euler, SamplerKind::heun, SamplerKind::dpmpp_sde}) {
    recipe.sampler = sampler;
    for (const auto& control :
         {inject("a dragon").at("output:0, middle:0").sigma(8, 0.5),
          reweight("cat", 2).at("input:1").progress(0.2, 0.7), temperature(0.7).at("coarse").steps(1, 3)}) {
      recipe.controls = {control};
      const auto result = observed_run("small", recipe);
      CHECK(changed(result) == told(result));
      CHECK(changed(result) > 0);
    }
  }
}
