#include "pipeline/denoise.h"

#include <fmt/format.h>
#include <numeric>

#include "mlx/transforms.h"

#include "base/fail.h"
#include "engine/replay.h"
#include "kernels/stop.h"
#include "pipeline/finite.h"
#include "sampler/guidance.h"
#include "sampler/prediction.h"

namespace corepulse::pipeline {
namespace {

/** One UNet call for some images of the batch: x [n, h, w, 4] at step.sigma -> the guided
 * prediction. */
mx::array predict(const Run& run, const mx::array& x, control::Step step, const std::vector<int>& images,
                  attention::RunCache& cache, engine::Replay& network) {
  const auto plan = run.control.step(step);
  const bool guided = run.sampling.compat == Compat::diffusers ? plan.guidance > 1 : plan.guidance != 1;
  step.rows.clear();
  if (guided)
    for (const int image : images) step.rows.push_back({image, false});
  for (const int image : images) step.rows.push_back({image, true});
  const auto scaled = sampler::model_input(x, step.sigma);
  const auto input = guided ? mx::concatenate({scaled, scaled}, 0) : scaled;
  const auto texts = contexts(run.texts);
  const attention::Pass pass{run.control, step, texts, cache, run.instruments};
  const auto output = mx::astype(
      network(mx::astype(input, run.dtype), pass, added_conditioning(run.texts, plan, run.time_ids, step.rows)),
      mx::float32);
  if (!guided) return output;
  const auto halves = mx::split(output, 2, 0);
  const auto mixed = sampler::guide(halves[0], halves[1], plan.guidance);
  return sampler::rescale_guidance(mixed, halves[1], run.guidance_rescale);
}

mx::array rows(const mx::array& x, int from, int to) {
  return mx::slice(x, {from, 0, 0, 0}, {to, x.shape(1), x.shape(2), x.shape(3)});
}

}  // namespace

control::Step step_of(const sampler::Evaluation& at, int steps, int call) {
  const double progress = steps > 1 ? at.step / (steps - 1.0) : 0;
  return {at.step, steps, call, progress, at.t, at.sigma, at.first, {}};
}

mx::array denoise(const Run& run, mx::array x, const sampler::NoiseFunction& noise, const StepFunction& on_step,
                  int& model_calls) {
  const auto sampler = sampler::make_sampler(run.schedule, run.model.scheduler.training, run.sampling);
  const int steps = run.schedule.steps(), batch = x.shape(0);
  attention::RunCache cache;
  engine::Replay network(run.model.unet);
  int call = 0;
  const auto model = [&](const mx::array& x_t, const sampler::Evaluation& at) {
    const auto step = step_of(at, steps, call++);
    std::vector<mx::array> outputs;
    const int stride = run.one_by_one && !run.control.step(step).joins_images ? 1 : batch;
    for (int image = 0; image < batch; image += stride) {
      std::vector<int> images(stride);
      std::iota(images.begin(), images.end(), image);
      outputs.push_back(predict(run, rows(x_t, image, image + stride), step, images, cache, network));
      mx::eval(outputs.back());
      kernels::check_stop();
      ++model_calls;
    }
    return sampler::denoised(run.model.scheduler.training.prediction, x_t, mx::concatenate(outputs, 0), at.sigma);
  };
  for (int i = 0; i < steps; ++i) {
    x = sampler->step(i, x, model, noise);
    if (!is_finite(x))
      fail_not_finite(fmt::format("step {} of {} made infinite or undefined numbers", i + 1, steps), run.parts,
                      run.dtype);
    if (!on_step(i + 1, run.schedule.sigma[i + 1], x, sampler->denoised()))
      fail(ErrorCode::cancelled, "generate", fmt::format("stopped after step {} of {}", i + 1, steps));
  }
  return x;
}

}  // namespace corepulse::pipeline
