#include "pipeline/init/given.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <tuple>

#include "base/fail.h"

namespace corepulse::pipeline {
namespace {

constexpr size_t kLatentChannels = 4;

[[noreturn]] void refuse_latents(const std::string& what) {
  fail(ErrorCode::invalid_request, "latents", what);
}

}  // namespace

void check_latents(const Request& request, const Resolved& resolved) {
  const auto& [latents, recipe] = std::tie(request.latents, resolved.recipe);
  if (latents.empty()) return;
  if (latents.size() != recipe.seeds.size())
    refuse_latents(fmt::format("{} of them for {} seeds; expected one for each", latents.size(), recipe.seeds.size()));
  const size_t size = kLatentChannels * resolved.latent_height * resolved.latent_width;
  for (const auto& one : latents) {
    if (one.size() != size)
      refuse_latents(fmt::format("{} numbers; expected {}, [{}, {}, {}] for {} x {} pixels", one.size(), size,
                                 kLatentChannels, resolved.latent_height, resolved.latent_width, recipe.width,
                                 recipe.height));
    if (!std::all_of(one.begin(), one.end(), [](float v) { return std::isfinite(v); }))
      refuse_latents("infinite or undefined numbers; expected finite ones");
  }
  if (recipe.init && recipe.init->invert)
    refuse_latents("the inversion of init finds what the run starts from; expected one of the two");
  if (recipe.init && request.latents_are_x)
    refuse_latents("they are what the run starts from, and so is init; expected noise, or no init");
}

void start_from_given(const Request& request, const Resolved& resolved, StartFrom& from) {
  if (request.latents.empty()) return;
  std::vector<float> all;
  for (const auto& one : request.latents) all.insert(all.end(), one.begin(), one.end());
  const mx::Shape shape{static_cast<int>(request.latents.size()), static_cast<int>(kLatentChannels),
                        resolved.latent_height, resolved.latent_width};
  auto given = mx::contiguous(mx::transpose(mx::array(all.begin(), shape, mx::float32), {0, 2, 3, 1}));
  (request.latents_are_x ? from.x : from.noise) = std::move(given);
}

}  // namespace corepulse::pipeline
