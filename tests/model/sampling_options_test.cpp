// What a scheduler_config says of its solver is followed: Diffusers' latents for configs as Diffusers writes them.
#include <doctest/doctest.h>

#include "../sampler/trajectory.h"
#include "io/tensors/safetensors.h"
#include "model/config/scheduler.h"

using namespace corepulse;
using namespace corepulse::sampler;

namespace {

struct Golden {
  Case run;
  std::vector<std::string> notes;
};

Golden read(const std::string& text) {
  const auto json = io::parse_json(text, "golden");
  const auto scheduler = model::scheduler_config(json["config"], "scheduler_config.json");
  CHECK(json["sampler"] == name(scheduler.sampler));
  Golden golden{{scheduler.training, scheduler.options(scheduler.sampler)}, scheduler.notes};
  golden.run.options.steps = json["steps"];
  const std::string eta = json["eta"];
  golden.run.options.eta_given = eta != "-";
  if (eta != "-") golden.run.options.eta = std::stod(eta);
  return golden;
}

}  // namespace

TEST_CASE("a scheduler_config's order, solver type, corrections, clipping, distilled steps and curve are Diffusers'") {
  const std::string file = "sampler_options.safetensors";
  const auto goldens = load_goldens(file);
  const auto texts = io::open_safetensors(test::golden_folder() + "/" + file).metadata;
  int cases = 0;
  for (; texts.contains(std::to_string(cases)); ++cases) {
    const auto key = std::to_string(cases);
    CAPTURE(texts.at(key));
    const auto golden = read(texts.at(key));
    CHECK(golden.notes.empty());
    const auto ours = run(golden.run, goldens.at("noises"), variance_preserving(golden.run.options.sampler));
    CHECK(deviation(ours.t, values<float>(goldens.at(key + "/t"))) < 1e-5);
    CHECK(deviation(ours.sigma, values<float>(goldens.at(key + "/sigma"))) < 1e-5);
    const auto& latents = goldens.at(key + "/x");
    CHECK(latents.shape(0) >= golden.run.options.steps);
    CHECK(error_of(ours, latents) <= 1e-5);
    CHECK(mx::all(mx::isfinite(ours.latents.back())).item<bool>());
  }
  CHECK(cases == 34);
}
