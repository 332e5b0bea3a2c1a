#include "pipeline/init/invert.h"

#include <fmt/format.h>

#include "mlx/transforms.h"

#include "base/fail.h"
#include "kernels/stop.h"
#include "pipeline/finite.h"
#include "pipeline/weights/networks.h"
#include "sampler/inversion.h"
#include "sampler/prediction.h"
#include "sampler/step.h"

namespace corepulse::pipeline {

Way invert(const Run& run, const mx::array& latent, int refinements, const StepFunction& on_step, int& model_calls) {
  const sampler::Inversion inversion(run.schedule, run.training, run.sampling);
  const int steps = run.schedule.steps();
  Network own(run.model.unet, run.texts);
  auto clean = latent;  // without the noise that was found last, for previews
  const auto noise = [&](int i, const mx::array& x, double sigma) {
    const auto step = step_of(sampler::first_evaluation(run.schedule, i), steps, i);
    const auto output = predict(run, x, sigma, step, {0}, own).guided;
    mx::eval(output);
    kernels::check_stop();
    ++model_calls;
    const auto found = sampler::noise_in(run.training.prediction, x, output, sigma);
    clean = x - sampler::times(sigma, found);
    return found;
  };
  Way way(static_cast<size_t>(steps) + 1, latent);
  for (int i = steps - 1; i >= 0; --i) {
    way[i] = inversion.begin_of(i, way[i + 1], noise, refinements);
    const int done = steps - i;
    if (!is_finite(way[i]))
      fail_not_finite(fmt::format("step {} of {} of the inversion made infinite or undefined numbers", done, steps),
                      run.parts, run.dtype);
    if (!on_step(done, run.schedule.sigma[i], way[i], clean))
      fail(ErrorCode::cancelled, "generate", fmt::format("stopped after step {} of {} of the inversion", done, steps));
  }
  return way;
}

}  // namespace corepulse::pipeline
