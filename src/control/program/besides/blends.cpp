// Controls that mix latents behind steps: which images', where, in which steps, by how much.
#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/kind.h"
#include "control/program/besides/live.h"
#include "control/program/program_data.h"
#include "control/program/window.h"
#include "control/region/raster.h"

namespace corepulse::control {
namespace {

/** By latent pixel. */
std::vector<float> latent_mask(const Region& region, const Canvas& canvas, const ProgramInputs& in,
                               const std::string& path) {
  const auto mask = resample(rasterize(region, canvas, path), in.latent_height, in.latent_width);
  return {mask.values.begin(), mask.values.end()};
}

/** The images it acts on. */
std::vector<int> others_than(int image, const corepulse::Control& control, const Context& context,
                             const std::string& path) {
  check_image(image, context, path + ".image");
  auto images = images_of(control, context.inputs.batch);
  std::erase(images, image);
  if (images.empty())
    fail(ErrorCode::invalid_request, path,
         fmt::format("there is no other image than {} to mix with it; expected a second one: --seed 3,3", image));
  return images;
}

void set_region(BlendSpec& blend, const Region& region, Context& context, const std::string& path) {
  const auto canvas = with_live(canvas_of(context.inputs), {}, blend.image);
  context.budget.spend(raster_cells(canvas));
  auto mask = latent_mask(region, canvas, context.inputs, path);
  if (is_live(region)) {  // which may be anywhere
    blend.live = region;
    return;
  }
  if (std::all_of(mask.begin(), mask.end(), [](float v) { return v == 0; }))
    fail(ErrorCode::invalid_request, path,
         fmt::format("the region is empty on the latents' {}x{} grid; expected some of the picture",
                     context.inputs.latent_width, context.inputs.latent_height));
  blend.mask = std::move(mask);
}

}  // namespace

void add_blends(int index, Context& context, StepInputs& steps) {
  const auto& control = context.controls[static_cast<size_t>(index)];
  const auto path = context.path_of(index);
  const auto use = kind_of(control.effect).latents(control.effect);
  BlendSpec blend{.control = index, .image = use.image};
  blend.images = others_than(use.image, control, context, path);
  if (control.region) set_region(blend, *control.region, context, path + ".region");
  const auto& calls = context.inputs.calls;
  const auto active = active_calls(control.when, calls, path + ".when");
  auto& report = steps.reports[static_cast<size_t>(index)];
  report.calls.assign(calls.size(), false);
  for (size_t call = 0; call < calls.size(); ++call) {
    const double strength = use.strength->at(calls[call].progress);
    if (!active[call] || !calls[call].first_evaluation || strength == 0) continue;
    blend.strength[calls[call].index] = strength;
    report.calls[call] = true, ++report.pairs;
  }
  report.state = report.pairs > 0 ? ControlReport::State::acts : ControlReport::State::neutral;
  if (report.pairs == 0)
    report.reason = "its strength is 0, or a step's first call is never in its window";
  else
    report.reads = fmt::format("the latents of image {} behind these steps", use.image);
  if (blend.live) report.follows.push_back({"", looks_of(*blend.live)});
  if (report.pairs > 0) steps.blends.push_back(std::move(blend));
}

std::vector<float> Program::share_of(const BlendSpec& blend, int image, int step, const LiveMasks& seen) const {
  const auto at = blend.strength.find(step);
  if (at == blend.strength.end()) return {};
  auto share = blend.mask;
  if (blend.live) {
    const auto& in = data_->again->inputs;
    share = latent_mask(*blend.live, with_live(canvas_of(in), seen, image), in, "controls");
  }
  if (share.empty()) share.assign(static_cast<size_t>(data_->latent_height) * data_->latent_width, 1);
  for (auto& v : share) v *= static_cast<float>(at->second);
  return share;
}

}  // namespace corepulse::control
