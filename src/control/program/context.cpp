#include "control/program/context.h"

#include <algorithm>
#include <fmt/format.h>

#include "control/kind.h"
#include "control/quote.h"
#include "control/recipe/check.h"

namespace corepulse::control {
namespace {

constexpr size_t kMostControls = 10000;

void add(std::vector<Grid>& grids, const Grid& grid) {
  const auto same = [&](const Grid& known) { return known.height == grid.height && known.width == grid.width; };
  if (std::none_of(grids.begin(), grids.end(), same)) grids.push_back(grid);
}

std::vector<Grid> all_grids(const ProgramInputs& inputs, const std::vector<corepulse::Control>& controls) {
  std::vector<Grid> grids;
  const auto add_all = [&](const std::vector<Site>& sites) {
    for (const auto& site : sites) add(grids, grid(site, inputs.latent_height, inputs.latent_width));
  };
  add_all(inputs.sites), add_all(inputs.layers), add_all(inputs.skips);
  const auto mixes = [](const corepulse::Control& control) { return kind_of(control.effect).mixes != nullptr; };
  if (std::any_of(controls.begin(), controls.end(), mixes)) add_all(inputs.resnets);
  return grids;
}

std::vector<Site> sites_of(const std::vector<Joint>& joints) {
  std::vector<Site> sites;
  for (const auto& joint : joints) sites.push_back(joint.site);
  return sites;
}

}  // namespace

Canvas canvas_of(const ProgramInputs& in) {
  if (in.whole) return {in.whole->height, in.whole->width, in.picture, in.whole->part};
  return {in.image_height, in.image_width, in.picture, {}};
}

Context::Context(const std::vector<corepulse::Control>& list, const ProgramInputs& in, const ProgramOptions& how)
    : controls(list),
      inputs(in),
      options(how),
      budget(how.work),
      sites(in.sites, in.latent_height, in.latent_width),
      layers(in.layers, in.latent_height, in.latent_width),
      skips(in.skips, in.latent_height, in.latent_width),
      joint_sites(sites_of(in.joints)),
      joints(joint_sites, in.latent_height, in.latent_width),
      resnets(in.resnets, in.latent_height, in.latent_width),
      tables{{in.tokenizer, in.prompt, in.negative_prompt, in.reader, in.prompt_2, in.negative_prompt_2},
             {canvas_of(in), all_grids(in, list), budget, in.live},
             in.recordings,
             in.picture_prompts,
             {}} {
  if (controls.size() > kMostControls)
    refuse(options.path, fmt::format("{} controls; expected at most {}", controls.size(), kMostControls));
  tables.texts.adopt(options.texts);
  tables.texts.change(0, inputs.prompts);
  tables.texts.change(1, inputs.negative_prompts);
}

std::string Context::path_of(int index) const {
  return fmt::format("{}[{}]", options.path, index);
}

std::vector<Grid> Context::grids_of(const std::vector<bool>& chosen) const {
  std::vector<Grid> grids;
  for (size_t i = 0; i < chosen.size(); ++i)
    if (chosen[i]) add(grids, grid_of(inputs.sites[i]));
  return grids;
}

void check_image(int image, const Context& context, const std::string& path) {
  if (image < 0 || image >= context.inputs.batch)
    refuse(path,
           fmt::format("image {}; this run's images are 0..{}, one for each seed", image, context.inputs.batch - 1));
}

}  // namespace corepulse::control
