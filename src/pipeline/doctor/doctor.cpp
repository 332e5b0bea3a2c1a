#include "corepulse/doctor.h"

#include <algorithm>
#include <fmt/format.h>

#include "mlx/memory.h"

#include "base/fail.h"
#include "engine/engine.h"
#include "engine/pace.h"
#include "io/directories.h"
#include "pipeline/doctor/self_test.h"
#include "pipeline/forecast/work.h"
#include "pipeline/placement.h"
#include "pipeline/prepare/prepare.h"

namespace corepulse {
namespace {

void check_options(const ExamineOptions& options) {
  if (options.steps < 0 || options.steps > 999)
    fail(ErrorCode::invalid_request, "examine", fmt::format("steps {}; expected 0..999", options.steps));
}

void summarize(StepTime& time) {
  auto sorted = time.seconds;
  std::sort(sorted.begin(), sorted.end());
  const size_t middle = sorted.size() / 2;
  time.lowest = sorted.front(), time.highest = sorted.back();
  time.median = sorted.size() % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

StepTime time_steps(const ExamineOptions& options, const pipeline::Outline& outline) {
  const auto& info = outline.info;
  StepTime time{.model = info.name,
                .dtype = pipeline::ComputeTarget(options.load).dtype_name(),
                .width = info.width,
                .height = info.height};
  const int down = info.latent_downscale;
  time.operations = 2 * 2 * pipeline::unet_work(outline.parts, info.height / down, info.width / down).sum();
  Request request;
  request.recipe.prompt = "a cat in a park";
  request.recipe.steps = options.steps + 1;
  request.decode = false;
  request.stop = options.stop;
  request.progress = [&](const Progress& at) {
    if (at.step == 1)
      time.first = at.seconds;
    else
      time.seconds.push_back(at.seconds);
    return true;
  };
  try {
    const auto pipeline = Pipeline::load(options.model, options.load);
    mx::reset_peak_memory();
    pipeline.generate(request);
    summarize(time);
  } catch (const Error& error) {
    if (doctor::concerns_caller(error)) throw;
    time.problem = io::without_home(error.what());
  }
  time.peak_bytes = mx::get_peak_memory();
  return time;
}

Pace pace_of(const LoadOptions& load) {
  const pipeline::ComputeTarget placement(load);
  return engine::Engine::instance().run([&]() -> Pace {
    mx::set_default_device(placement.device);
    try {
      const auto rate = engine::measure_pace(placement.dtype()) * 2e-9;  // a multiply-add is two operations
      return {rate.convolution, rate.matrix, rate.attention};
    } catch (const std::exception&) {
      return {};  // the self-test says why
    }
  });
}

}  // namespace

Findings examine(const ExamineOptions& options) {
  check_options(options);
  auto machine = describe_machine(options.load);
  const pipeline::Outline outline(options.model);  // first: a wrong model shall not cost a self-test
  auto test = doctor::self_test(options.load, options.stop);
  if (options.steps == 0) return {std::move(machine), std::move(test), {}, {}};
  auto step = time_steps(options, outline);
  return {std::move(machine), std::move(test), std::move(step), pace_of(options.load)};
}

}  // namespace corepulse
