#include "pipeline/guidance/sum.h"

#include <algorithm>
#include <tuple>

#include "sampler/guidance/guidance.h"
#include "sampler/prediction.h"
#include "sampler/step.h"

namespace corepulse::pipeline {
namespace {

mx::array images_of(const mx::array& x, int from, int to) {
  return mx::slice(x, {from, 0, 0, 0}, {to, x.shape(1), x.shape(2), x.shape(3)});
}

/** What a further row adds; `base` is what it is compared with, `next` the place of its first row. */
mx::array added(const control::FurtherRow& further, const mx::array& predicted, const mx::array& base,
                const std::vector<int>& images, int& next) {
  std::vector<mx::array> parts;
  for (int i = 0; i < static_cast<int>(images.size()); ++i) {
    const auto one = images_of(base, i, i + 1);
    if (!further.has(images[i])) {
      parts.push_back(mx::zeros_like(one));
      continue;
    }
    const auto own = images_of(predicted, next, next + 1);
    ++next;
    const bool away = further.kind != control::FurtherRow::Kind::prompt;
    parts.push_back(sampler::times(further.scale, away ? one - own : own - one));
  }
  return mx::concatenate(parts, 0);
}

mx::array picture_of(const Summed& call, const mx::array& output) {
  return sampler::denoised(call.training, call.x, output, call.sigma);
}

/** The differences of this call, with what is left of those before; they are remembered. */
mx::array with_memory(const mx::array& difference, double momentum, const Summed& call) {
  if (!call.memory) return difference;
  std::vector<mx::array> parts;
  for (int i = 0; i < static_cast<int>(call.images.size()); ++i) {
    auto own = images_of(difference, i, i + 1);
    auto& before = call.memory->differences;
    if (const auto found = before.find(call.images[i]); found != before.end())
      own = own + sampler::times(momentum, found->second);
    before.insert_or_assign(call.images[i], own);
    parts.push_back(std::move(own));
  }
  return mx::concatenate(parts, 0);
}

mx::array projected(const mx::array& difference, const mx::array& prompt, const Summed& call) {
  const auto& how = *call.plan.shape.projection;
  const double unit = how.of_picture ? sampler::picture_by_output(call.training, call.sigma) : 1;
  const auto whole = with_memory(sampler::times(unit, difference), how.momentum, call);
  const auto made =
      sampler::projected(whole, how.of_picture ? picture_of(call, prompt) : prompt, how.parallel, how.limit);
  return sampler::times(1 / unit, made);
}

/** The sum of guidance, and the difference in it. */
struct Guided {
  mx::array sum, difference;
};

Guided shaped(const mx::array& negative, const mx::array& prompt, const Summed& call) {
  const auto& shape = call.plan.shape;
  const double guidance = call.plan.guidance;
  auto u = sampler::tangential(negative, prompt, shape.tangential);
  u = sampler::zero_star(u, prompt, shape.zero_star);
  auto c = prompt;
  if (shape.skim)
    std::tie(u, c) = sampler::skimmed({u, c}, {picture_of(call, u), picture_of(call, c)}, call.x,
                                      {guidance, shape.skim->scale, shape.skim->full_negative, shape.skim->filter});
  auto difference = c - u;
  if (shape.projection) difference = projected(difference, c, call);
  if (shape.bands) return {u + sampler::by_frequency(difference, shape.bands->low, shape.bands->high), difference};
  return {u + sampler::times(guidance, difference), difference};
}

/** The sum in the range that guidance `mimic` would give it. */
mx::array thresholded(const mx::array& sum, const mx::array& difference, const Summed& call) {
  const auto& how = *call.plan.shape.threshold;
  const auto mimic = sum + sampler::times(how.mimic - call.plan.guidance, difference);
  const auto picture = picture_of(call, sum);
  const auto made = sampler::thresholded(picture, picture_of(call, mimic), how.percentile, how.strength);
  return sum + sampler::times(1 / sampler::picture_by_output(call.training, call.sigma), made - picture);
}

}  // namespace

mx::array for_images(const mx::array& made, const std::vector<int>& of, const std::vector<int>& images,
                     const mx::array& like) {
  if (of == images) return made;
  std::vector<mx::array> parts;
  for (int i = 0; i < static_cast<int>(images.size()); ++i) {
    const auto found = std::find(of.begin(), of.end(), images[i]);
    const int place = static_cast<int>(found - of.begin());
    parts.push_back(found == of.end() ? mx::zeros_like(images_of(like, i, i + 1)) : images_of(made, place, place + 1));
  }
  return mx::concatenate(parts, 0);
}

mx::array sum_of(const mx::array& predicted, const Summed& call, const std::optional<mx::array>& blurred) {
  const auto& [plan, images, training, x, sigma, rescale, memory] = call;
  if (memory && !plan.shape.projection)
    for (const int image : images) memory->differences.erase(image);
  const int n = static_cast<int>(images.size());
  if (!plan.guided && plan.further.empty() && !blurred) return predicted;
  int next = plan.guided ? n : 0;
  const auto negative = images_of(predicted, 0, n), prompt = images_of(predicted, next, next + n);
  next += n;
  const bool plain = !plan.guided || plan.shape.plain();
  auto guided = plain ? Guided{plan.guided ? sampler::guide(negative, prompt, plan.guidance) : prompt, prompt}
                      : shaped(negative, prompt, call);
  auto& sum = guided.sum;
  for (const auto& further : plan.further) {
    const bool perturbed = further.kind == control::FurtherRow::Kind::perturbed;
    sum = sum + added(further, predicted, perturbed ? prompt : negative, images, next);
  }
  if (blurred) sum = sum + *blurred;
  if (!plan.guided) return sum;
  if (plan.shape.threshold) sum = thresholded(sum, guided.difference, call);
  sum = sampler::rescale_guidance(sum, prompt, plan.shape.rescale.value_or(rescale));
  return plan.shape.nothing ? mx::zeros_like(sum) : sum;
}

}  // namespace corepulse::pipeline
