#include "pipeline/denoise.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

#include "mlx/transforms.h"

#include "attention/keys.h"
#include "base/fail.h"
#include "kernels/stop.h"
#include "pipeline/finite.h"
#include "pipeline/weights/networks.h"
#include "sampler/guidance.h"
#include "sampler/prediction.h"
#include "sampler/step.h"

namespace corepulse::pipeline {
namespace {

mx::array rows(const mx::array& x, int from, int to) {
  return mx::slice(x, {from, 0, 0, 0}, {to, x.shape(1), x.shape(2), x.shape(3)});
}

/** By image, what a further row adds; `base` is what it is compared with, `next` the place of its first row. */
mx::array added(const control::FurtherRow& further, const mx::array& predicted, const mx::array& base,
                const std::vector<int>& images, int& next) {
  std::vector<mx::array> parts;
  for (int i = 0; i < static_cast<int>(images.size()); ++i) {
    const auto one = rows(base, i, i + 1);
    if (!further.has(images[i])) {
      parts.push_back(mx::zeros_like(one));
      continue;
    }
    const auto own = rows(predicted, next, next + 1);
    ++next;
    const bool away = further.kind != control::FurtherRow::Kind::prompt;
    parts.push_back(sampler::times(further.scale, away ? one - own : own - one));
  }
  return mx::concatenate(parts, 0);
}

/** StepPlan's sum of what all rows predicted, by image. */
mx::array combined(const mx::array& predicted, const control::StepPlan& plan, const std::vector<int>& images,
                   double rescale) {
  const int n = static_cast<int>(images.size());
  if (!plan.guided && plan.further.empty()) return predicted;
  int next = plan.guided ? n : 0;
  const auto negative = rows(predicted, 0, n), prompt = rows(predicted, next, next + n);
  next += n;
  auto sum = plan.guided ? sampler::guide(negative, prompt, plan.guidance) : prompt;
  for (const auto& further : plan.further) {
    const bool perturbed = further.kind == control::FurtherRow::Kind::perturbed;
    sum = sum + added(further, predicted, perturbed ? prompt : negative, images, next);
  }
  return plan.guided ? sampler::rescale_guidance(sum, prompt, rescale) : sum;
}

Predicted predicted_by(const mx::array& all, const control::StepPlan& plan, const std::vector<int>& images,
                       double rescale) {
  const auto guided = combined(all, plan, images, rescale);
  return {guided, plan.guided ? rows(all, 0, static_cast<int>(images.size())) : guided};
}

/** What every row sees: its image's latents and, where there is more, what it reads beside them. */
mx::array for_rows(const mx::array& x, const std::optional<mx::array>& beside, const std::vector<control::Row>& roles,
                   const std::vector<int>& images) {
  const auto whole = beside ? mx::concatenate({x, *beside}, 3) : x;
  if (roles.size() == images.size()) return whole;
  std::vector<mx::array> all;
  for (const auto& row : roles) {
    const auto place = static_cast<int>(std::find(images.begin(), images.end(), row.image) - images.begin());
    all.push_back(rows(whole, place, place + 1));
    if (!row.pictured())
      all.back() = mx::concatenate({rows(x, place, place + 1), mx::zeros_like(rows(*beside, place, place + 1))}, 3);
  }
  return mx::concatenate(all, 0);
}

/** Rows of a call whose weights are the same: they go through the UNet together. */
struct RowGroup {
  control::WeightChanges weights;
  std::vector<int> places;  ///< Among all rows of the call.
};

std::vector<RowGroup> groups_of(const control::StepPlan& plan, const std::vector<control::Row>& rows) {
  std::vector<RowGroup> groups;
  for (size_t r = 0; r < rows.size(); ++r) {
    auto weights = plan.weights_of(rows[r]);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.weights == weights; });
    if (group == groups.end()) group = groups.insert(group, {std::move(weights), {}});
    group->places.push_back(static_cast<int>(r));
  }
  return groups;
}

/** What the UNet makes of some rows: x [n, h, w, c], as it wants them. */
mx::array call_unet(const Run& run, const mx::array& x, const control::StepPlan& plan, const control::Step& step,
                    Network& network) {
  const auto texts = contexts(network.texts);
  const attention::Pass pass{
      run.control, step, texts, network.cache, run.instruments, network.beside ? &*network.beside : nullptr};
  const auto added = added_conditioning(network.texts, plan, run.time_ids, step.rows);
  return mx::astype(network.unet(mx::astype(x, run.dtype), pass, added), mx::float32);
}

}  // namespace

Predicted predict(const Run& run, const mx::array& x, double sigma, control::Step step, const std::vector<int>& images,
                  Network& own) {
  const auto plan = run.control.step(step);
  const auto all = plan.rows(images);
  std::optional<mx::array> beside;
  if (run.beside) beside = rows(*run.beside, images.front(), images.back() + 1);
  const auto input = for_rows(sampler::model_input(run.training, x, sigma), beside, all, images);
  const auto groups = groups_of(plan, all);
  std::vector<mx::array> outputs;
  std::vector<int> order(all.size());  // where each row's prediction stands among them
  int next = 0;
  for (const auto& [weights, places] : groups) {
    auto& network = weights.empty() ? own : run.networks->at(weights, step);
    step.rows.clear();
    for (const int place : places) step.rows.push_back(all[place]), order[place] = next++;
    const auto x_t = groups.size() == 1 ? input : attention::rows_of(input, places);
    outputs.push_back(call_unet(run, x_t, plan, step, network));
  }
  const auto output = groups.size() == 1 ? outputs[0] : attention::rows_of(mx::concatenate(outputs, 0), order);
  auto predicted = predicted_by(output, plan, images, run.guidance_rescale);
  auto* probe = run.instruments.probe;
  if (!probe || !probe->wants(attention::Point::guided, 0, step)) return predicted;
  step.rows.clear();
  for (const int image : images) step.rows.push_back({image, control::kPrompt});
  predicted.guided = probe->see(attention::Point::guided, 0, step, predicted.guided);
  return predicted;
}

control::Step step_of(const sampler::Evaluation& at, int steps, int call) {
  const double progress = steps > 1 ? at.step / (steps - 1.0) : 0;
  return {at.step, steps, call, progress, at.t, at.sigma, at.first, {}};
}

mx::array denoise(const Run& run, mx::array x, const sampler::NoiseFunction& noise, const StepFunction& on_step,
                  int& model_calls) {
  const auto sampler = sampler::make_sampler(run.schedule, run.training, run.sampling);
  const int steps = run.schedule.steps(), batch = x.shape(0);
  Network own(run.model.unet, run.texts);
  int call = 0;
  const auto model = [&](const mx::array& x_t, const sampler::Evaluation& at) {
    const auto step = step_of(at, steps, call++);
    std::vector<mx::array> outputs, negatives;
    const int stride = run.one_by_one && !run.control.step(step).joins_images ? 1 : batch;
    for (int image = 0; image < batch; image += stride) {
      std::vector<int> images(stride);
      std::iota(images.begin(), images.end(), image);
      auto [guided, negative] = predict(run, rows(x_t, image, image + stride), at.sigma, step, images, own);
      mx::eval(guided, negative);
      outputs.push_back(std::move(guided)), negatives.push_back(std::move(negative));
      kernels::check_stop();
      ++model_calls;
    }
    const auto estimate = [&](const std::vector<mx::array>& of) {
      return sampler::denoised(run.training, x_t, mx::concatenate(of, 0), at.sigma);
    };
    if (at.negative) *at.negative = estimate(negatives);
    return estimate(outputs);
  };
  for (int i = 0; i < steps; ++i) {
    x = sampler->step(i, x, model, noise);
    if (run.between_steps) x = run.between_steps(i, x);
    if (!is_finite(x))
      fail_not_finite(fmt::format("step {} of {} made infinite or undefined numbers", i + 1, steps), run.parts,
                      run.dtype);
    if (!on_step(i + 1, run.schedule.sigma[i + 1], x, sampler->denoised()))
      fail(ErrorCode::cancelled, "generate", fmt::format("stopped after step {} of {}", i + 1, steps));
  }
  return x;
}

}  // namespace corepulse::pipeline
