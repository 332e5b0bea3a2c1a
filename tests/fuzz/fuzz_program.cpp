// Recipes from anywhere, resolved for a small model's layers: an error, or sound plans and an explanation.
#include <cmath>

#include "corepulse/recipe.h"

#include "base/fail.h"
#include "control/program/explain.h"
#include "control/support.h"
#include "fuzz.h"

namespace {

using namespace corepulse;
using control::Program;

/** The picture files that regions may name: "a.png", a grey ramp. */
control::MaskPicture read_picture(const Region& region) {
  if (region.file != "a.png") fail(ErrorCode::not_found, "image", "no such picture");
  return {5, 3, {0, 50, 100, 150, 200, 0, 50, 100, 150, 250, 0, 50, 100, 150, 255}};
}

/** The run of a small model of five blocks with one attention layer of each kind. */
control::ProgramInputs run_of(const Recipe& recipe) {
  static const auto sites = [] {
    auto all = control::test::builtin_sites();
    std::erase_if(all, [](const control::Site& s) { return s.attention > 0 || s.level == 0; });
    for (size_t i = 0; i < all.size(); ++i) all[i].index = static_cast<int>(i);
    return all;
  }();
  auto inputs = control::test::run_of(sites, recipe.prompt, 64, 32);
  inputs.negative_prompt = recipe.negative_prompt;
  inputs.guidance = recipe.guidance;
  inputs.batch = static_cast<int>(std::min<size_t>(recipe.seeds.size(), 3));
  inputs.calls = control::test::schedule(std::min(recipe.steps, 3), recipe.sampler == SamplerKind::heun);
  inputs.guided_below_one = recipe.compat != Compat::diffusers;
  inputs.pooled = recipe.family == "sdxl";
  if (inputs.pooled) inputs.time_ids = control::TimeIds{32, 64, 0, 0, 32, 64};
  control::RecordingInfo recording{.name = "r", .sites = {sites[0].path}, .steps = {0}, .sigmas = {14.6}};
  recording.latent_height = inputs.latent_height, recording.latent_width = inputs.latent_width;
  for (auto site : sites) {
    if (site.kind != control::BlockKind::output || site.cross) continue;
    site.index = static_cast<int>(inputs.resnets.size()), site.depth = -1, site.heads = 0;
    site.path = "up_blocks." + std::to_string(site.block) + ".resnets.0";
    inputs.resnets.push_back(site);
  }
  auto features = recording;
  features.name = "f", features.sites = {inputs.resnets[0].path};
  inputs.recordings = {recording, features};
  inputs.picture = read_picture;
  return inputs;
}

void check_row(const std::vector<control::Reading>& readings) {
  fuzz::require(!readings.empty());
  std::vector<double> sums(1);
  for (const auto& r : readings) {
    fuzz::require(r.temperature > 0);
    fuzz::require(r.values.empty() || r.map || r.values.size() == r.sources.size());
    for (const auto& numbers : {r.bias, r.key_gain, r.value_gain, r.map})
      for (const float v : numbers ? *numbers : std::vector<float>{}) fuzz::require(!std::isnan(v) && v < INFINITY);
    if (r.added) continue;
    const size_t n = r.share ? r.share->size() : 1;
    if (n > sums.size() && sums.size() == 1) sums.assign(n, sums[0]);
    if (n > 1 && n != sums.size()) return;  // by head here, by pixel there: the unit tests add those up
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += r.share ? (*r.share)[n > 1 ? i : 0] : 1;
  }
  for (const double sum : sums) fuzz::require(std::abs(sum - 1) < 1e-4);
}

void check_finish(const control::Finish& finish) {
  fuzz::require(std::isfinite(finish.scale) && finish.limit > 0);
  for (const float v : *finish.share) fuzz::require(v >= 0 && v <= 1);
}

void check_plans(const Program& program, const control::ProgramInputs& inputs) {
  for (const auto& call : inputs.calls) {
    const auto plan = program.step(call);
    fuzz::require(plan.guided == (plan.guidance > 1 || (plan.guidance < 1 && inputs.guided_below_one)));
    for (const auto& mix : plan.mixes) {
      fuzz::require(mix.strength > 0 && mix.strength <= 1 && mix.resnets.size() == inputs.resnets.size());
      for (const auto& region : mix.region)
        for (const float v : region ? *region : std::vector<float>{}) fuzz::require(v >= 0 && v <= 1);
    }
    auto step = control::test::with_rows(call, inputs.batch, plan.guided);
    for (const auto& further : plan.further)
      for (const int image : further.images) step.rows.push_back({image, further.role});
    for (const auto& site : inputs.sites) {
      const auto what = program.plan(site, step);
      for (const auto& row : what.rows) check_row(row);
      for (const auto& row : what.finishes)
        for (const auto& finish : row) check_finish(finish);
    }
  }
}

void resolve(const std::vector<Control>& controls, const control::ProgramInputs& inputs) {
  const auto resolve = [&](bool elide) {
    const auto program = Program::resolve(controls, inputs, {.elide = elide, .work = 200'000});
    check_plans(program, inputs);
    return program;
  };
  const bool good = fuzz::accepts({ErrorCode::invalid_request, ErrorCode::not_found}, [&] {
    const auto program = resolve(true);
    fuzz::require(!control::explain_text(program).empty() && !control::explain_json(program).empty());
  });
  if (good) fuzz::accepts({ErrorCode::invalid_request}, [&] { resolve(false); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text(data, size);
  Recipe recipe;
  if (fuzz::accepts({ErrorCode::invalid_request}, [&] { recipe = recipe_from_json(text); })) {
    const auto inputs = run_of(recipe);
    resolve(recipe.controls, inputs);
    for (const auto& edit : recipe.edits) resolve(edit.controls, inputs);
  }
  return 0;
}
