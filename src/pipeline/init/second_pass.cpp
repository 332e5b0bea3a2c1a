#include "pipeline/init/second_pass.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "mlx/transforms.h"

#include "control/recipe/levels.h"
#include "pipeline/picture/resample.h"
#include "pipeline/prepare/visit_files.h"

namespace corepulse::pipeline {
namespace {

constexpr double kLeastScale = 0.1, kMostScale = 16;

[[noreturn]] void refuse_pass(const char* field, const std::string& message) {
  fail(ErrorCode::invalid_request, field, message);
}

void set_pass_size(const SecondPass& pass, int multiple, Recipe& run) {
  const auto side = [multiple](double pixels) {
    return std::max(multiple, static_cast<int>(std::nearbyint(pixels / multiple)) * multiple);
  };
  const double proportion = static_cast<double>(run.width) / run.height;
  const bool wide = pass.width != 0, high = pass.height != 0;
  if (pass.scale && (wide || high)) refuse_pass("second_pass.scale", "a size is given, too; expected one of them");
  const double scale = pass.scale.value_or(2);
  if (!(scale >= kLeastScale && scale <= kMostScale))
    refuse_pass("second_pass.scale", fmt::format("{}; expected {} to {}", scale, kLeastScale, kMostScale));
  run.width = wide ? pass.width : side(high ? pass.height * proportion : run.width * scale);
  run.height = high ? pass.height : side(wide ? pass.width / proportion : run.height * scale);
}

bool in_pixels(const Region& region, int depth = 0) {
  return region.unit == LengthUnit::pixel ||
         (depth < kDeepestRegion && std::any_of(
                                        region.parts.begin(), region.parts.end(),
                                        [=](const Region& part) { return in_pixels(part, depth + 1); }));
}

}  // namespace

bool measures_in_pixels(const std::vector<Control>& controls) {
  bool any = false;
  for (const auto& control : controls) each_region(control, [&](const Region& region) { any |= in_pixels(region); });
  return any;
}

Recipe second_run(const Recipe& first, int multiple) {
  const auto& pass = *first.second_pass;
  if (!(pass.strength > 0 && pass.strength <= 1))
    refuse_pass("second_pass.strength", fmt::format("{}; expected more than 0, to 1", pass.strength));
  auto run = first;
  set_pass_size(pass, multiple, run);
  // A1111's "Hires steps" all run.
  run.init = InitPicture{
      .strength = pass.strength, .exact_steps = pass.exact_steps || run.compat == Compat::a1111, .fit = Fit::stretch};
  // Levels given one by one are the recipe's; a pass that says how many it takes, or how they are spread, has its own.
  if (pass.steps != 0 || pass.schedule) run.timesteps.clear(), run.sigmas.clear();
  if (control::listed_steps(run)) run.init->exact_steps = pass.exact_steps;
  if (pass.steps != 0) run.steps = pass.steps;
  if (pass.sampler) run.sampler = *pass.sampler;
  if (pass.schedule) run.schedule = *pass.schedule;
  if (pass.guidance) run.guidance = *pass.guidance;
  if (pass.controls) run.controls = *pass.controls;
  run.edits.clear();
  run.second_pass.reset();
  return run;
}

SecondPass resolved_pass(SecondPass pass, const Recipe& run) {
  pass.scale.reset();
  pass.width = run.width, pass.height = run.height;
  pass.guidance = run.guidance, pass.sampler = run.sampler;
  if (!control::listed_steps(run)) pass.steps = run.steps, pass.schedule = run.schedule;
  if (pass.controls) pass.controls = run.controls;
  return pass;
}

std::optional<Resample> picture_filter(Upscale how) {
  switch (how) {
    case Upscale::lanczos:
      return Resample::lanczos;
    case Upscale::nearest:
      return Resample::nearest;
    case Upscale::bilinear:
      return Resample::bilinear;
    case Upscale::bicubic:
      return Resample::bicubic;
    default:
      return std::nullopt;
  }
}

bool starts_from_pictures(const SecondPass& pass) {
  return picture_filter(pass.upscale).has_value();
}

mx::array resize_latents(const mx::array& latents, Upscale how, int height, int width) {
  const control::Grid from{latents.shape(1), latents.shape(2)}, to{height, width};
  const auto resized = [&](const std::vector<double>& plane) {
    switch (how) {
      case Upscale::latent_nearest:
      case Upscale::latent_nearest_exact:
        return resample_nearest(plane, from, to, how == Upscale::latent_nearest_exact);
      case Upscale::latent_bilinear:
        return resample_linear(plane, from, to);
      case Upscale::latent_bicubic:
        return resample_cubic(plane, from, to);
      default:
        break;
    }
    fail(ErrorCode::internal, "second_pass", "latents do not come to a size in this way");
  };
  // Planes one by one: latents are small, and no backend's shortcuts come between.
  const int images = latents.shape(0), channels = latents.shape(3);
  const auto planes = mx::contiguous(mx::transpose(mx::astype(latents, mx::float32), {0, 3, 1, 2}));
  mx::eval(planes);
  std::vector<float> values;
  const auto cells = static_cast<size_t>(from.tokens());
  for (size_t i = 0; i < static_cast<size_t>(images) * channels; ++i) {
    const float* first = planes.data<float>() + i * cells;
    for (const double value : resized({first, first + cells})) values.push_back(static_cast<float>(value));
  }
  const mx::array resized_planes(values.begin(), {images, channels, height, width}, mx::float32);
  return mx::contiguous(mx::transpose(resized_planes, {0, 2, 3, 1}));
}

void fail_in_second_pass(const Error& error) {
  const std::string message = error.what();  // "[where] what"
  const auto end = message.find("] ");
  const auto where = message.substr(1, end - 1), what = message.substr(end + 2);
  const std::string init = "init.", pass = "second_pass";
  if (where.starts_with(pass)) fail(error.code(), where, what);
  if (where.starts_with(init)) fail(error.code(), pass + "." + where.substr(init.size()), what);
  if (where == "request") fail(error.code(), pass, what);
  fail(error.code(), pass, fmt::format("{}: {}", where, what));
}

}  // namespace corepulse::pipeline
