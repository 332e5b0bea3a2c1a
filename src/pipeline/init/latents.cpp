#include "pipeline/init/latents.h"

#include "kernels/stop.h"
#include "pipeline/finite.h"
#include "sampler/step.h"

namespace corepulse::pipeline {
namespace {

using sampler::times;

/** 0..255 to -1..1, [1, H, W, 3]; with a mask, 0 where it is at least a half. */
mx::array to_array(const Image& image, const control::Mask* mask) {
  std::vector<float> values(image.pixels.size());
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      if (mask && at_pixel(*mask, x, y, image.width, image.height) >= 0.5) continue;
      const size_t first = (static_cast<size_t>(y) * image.width + x) * 3;
      for (size_t i = first; i < first + 3; ++i) values[i] = static_cast<float>(image.pixels[i]) / 255.f * 2 - 1;
    }
  return mx::array(values.begin(), {1, image.height, image.width, 3}, mx::float32);
}

/** What the encoder says of pictures, before it is scaled: means and log variances, [B, h, w, 4] each. */
std::pair<mx::array, mx::array> posteriors(const model::Model& model, const model::Parts& parts,
                                           const std::vector<mx::array>& pictures) {
  std::vector<mx::array> means, logvars;
  for (const auto& picture : pictures) {  // one by one: the encoder's activations are large
    const auto posterior = model.vae.encode_within_memory(picture);
    means.push_back(mx::astype(posterior.mean, mx::float32));
    logvars.push_back(mx::astype(posterior.logvar, mx::float32));
    const bool finite = is_finite(means.back()) && is_finite(logvars.back());
    kernels::check_stop();  // before an unfinished encoding is called a damaged one
    if (!finite) fail_not_finite("the encoded picture holds infinite or undefined numbers", parts, model.vae.dtype());
  }
  return {mx::concatenate(means, 0), mx::concatenate(logvars, 0)};
}

/** Makes latents of pictures, and draws noise in the order in which the compatible tool does. */
class Source {
 public:
  Source(const model::Model& model, const model::Parts& parts, Compat compat, const sampler::BatchNoise& noise)
      : model_(model), parts_(parts), samples_(compat == Compat::diffusers), noise_(noise) {}

  /** @param pictures one of all images, or one for each. [B, h, w, 4] */
  mx::array encode(const std::vector<mx::array>& pictures) const {
    const auto& [mean, logvar] = posteriors(model_, parts_, pictures);
    if (samples_) return model_.vae.scaled(mean + mx::exp(times(0.5, logvar)) * noise_());
    return model_.vae.scaled(mean);
  }

  mx::array noise() const { return noise_(); }
  /** What Diffusers draws for an encoding that it does not use. */
  void pass_over() const {
    if (samples_) noise_();
  }

 private:
  const model::Model& model_;
  const model::Parts& parts_;
  bool samples_;
  const sampler::BatchNoise& noise_;
};

/** Of instruct-pix2pix: beside the latent it reads the picture that it edits. */
bool reads_picture(const model::Parts& parts) {
  return parts.unet.in_channels == 2 * parts.vae.latent_channels;
}

/** The mask of each latent, [1, h, w, 1]. */
mx::array latent_mask(const control::Mask& mask, int height, int width) {
  const auto cells = control::resample(mask, height, width);
  const std::vector<float> values(cells.values.begin(), cells.values.end());
  return mx::array(values.begin(), {1, height, width, 1}, mx::float32);
}

using BetweenSteps = std::function<mx::array(int, const mx::array&)>;

/** Outside the mask something else. @param outside of step i: what stands there when it is done. */
BetweenSteps keep_outside(const mx::array& mask, const std::function<mx::array(int)>& outside_after, SoftMask soft,
                          int steps) {
  return [=](int i, const mx::array& x) {
    const auto outside = outside_after(i);
    if (soft == SoftMask::blend) return mask * x + (like(1, mask) - mask) * outside;
    const auto own = mx::floor(times(steps, mask) + like(0.01f, mask));  // as steps_of_value
    // Those that took part in this step go on from it; who begins with the next one begins with the picture.
    return mx::where(own >= like(static_cast<float>(steps - i), own), x, outside);
  };
}

/** The mask and what it leaves of the picture, as inpainting models were trained: the mask is 0 or 1. */
mx::array inpainting_channels(const Source& source, const Resolved& resolved, const Start* start) {
  const auto& recipe = resolved.recipe;
  const int height = resolved.latent_height, width = resolved.latent_width;
  const bool partly = start && start->mask;
  const auto rest = partly ? to_array(start->picture, &*start->mask) : mx::zeros({1, recipe.height, recipe.width, 3});
  const auto mask = partly ? latent_mask(*start->mask, height, width) : mx::ones({1, height, width, 1});
  const auto hard = mx::astype(mask >= like(0.5f, mask), mx::float32);
  const auto latents = source.encode({rest});
  const int images = static_cast<int>(recipe.seeds.size());
  return mx::concatenate({mx::broadcast_to(hard, {images, height, width, 1}),
                          mx::broadcast_to(latents, {images, height, width, latents.shape(3)})},
                         3);
}

/** All images begin with what the picture is drawn from; what stays of it goes its way, as image 0 does if it is asked.
 */
StartLatents along_way(const Way& way, const Resolved& resolved, const Start& start) {
  const auto& init = *resolved.recipe.init;
  const int images = static_cast<int>(resolved.recipe.seeds.size());
  StartLatents result{mx::repeat(way.front(), images, 0)};
  BetweenSteps keep;
  if (start.mask)
    keep = keep_outside(
        latent_mask(*start.mask, resolved.latent_height, resolved.latent_width), [way](int i) { return way[i + 1]; },
        init.soft, resolved.schedule.steps());
  if (!init.invert->correct) {
    result.between_steps = keep;
    return result;
  }
  result.between_steps = [way, keep](int i, const mx::array& x) {
    const auto kept = keep ? keep(i, x) : x;
    return mx::concatenate({way[i + 1], mx::slice(kept, {1, 0, 0, 0}, kept.shape())}, 0);
  };
  return result;
}

std::vector<mx::array> arrays_of(const StartFrom& from) {
  if (from.init) return {to_array(from.init->picture, nullptr)};
  std::vector<mx::array> arrays;
  for (const auto& picture : from.pictures) arrays.push_back(to_array(picture, nullptr));
  return arrays;
}

}  // namespace

mx::array picture_latent(const model::Model& model, const model::Parts& parts, const Image& picture) {
  return model.vae.scaled(posteriors(model, parts, {to_array(picture, nullptr)}).first);
}

StartLatents start_latents(const model::Model& model, const model::Parts& parts, const Resolved& resolved,
                           const StartFrom& from, const sampler::BatchNoise& noise) {
  const auto& recipe = resolved.recipe;
  const auto& schedule = resolved.schedule;
  const auto* start = from.init;
  if (from.way) return along_way(*from.way, resolved, *start);
  const bool edits = reads_picture(parts), inpainting = parts.unet.in_channels > parts.vae.latent_channels && !edits;
  const bool repaints = inpainting || (start && start->mask);
  // Diffusers' inpainting, at full strength, draws from noise alone; so does its instruct-pix2pix.
  const bool from_noise = (!start && from.pictures.empty() && !from.latents) ||
                          ((repaints || edits) && recipe.compat == Compat::diffusers && recipe.init->strength == 1);
  const Source source(model, parts, recipe.compat, noise);
  std::optional<mx::array> picture;
  const bool joins_late = start && start->mask && recipe.init->soft == SoftMask::strength;
  const bool keeps = joins_late || (repaints && !inpainting);  // which Diffusers leaves to the models made for it
  if (keeps || !from_noise) picture = from.latents ? *from.latents : source.encode(arrays_of(from));
  const auto drawn = from.x ? *from.x : from.noise ? *from.noise : source.noise();
  StartLatents result{from.x ? drawn : times(schedule.initial_scale, drawn)};
  // ComfyUI alone takes a run from the first level for one from noise.
  const bool whole = recipe.compat == Compat::comfy && schedule.skipped == 0;
  if (!from_noise) result.first = *picture + (whole ? result.first : times(schedule.sigma[0], drawn));
  if (inpainting)
    result.beside = inpainting_channels(source, resolved, start);
  else if (repaints)
    source.pass_over();
  if (edits) {
    const auto mean = posteriors(model, parts, {to_array(start->picture, nullptr)}).first;
    const auto seen = resolved.training.edm ? model.vae.scaled(mean) : mean;  // only CosXL's was trained on it scaled
    result.beside = mx::repeat(seen, static_cast<int>(recipe.seeds.size()), 0);
  }
  if (keeps)
    result.between_steps = keep_outside(
        latent_mask(*start->mask, resolved.latent_height, resolved.latent_width),
        [picture = *picture, drawn, schedule](int i) { return picture + times(schedule.sigma[i + 1], drawn); },
        recipe.init->soft, schedule.steps());
  return result;
}

}  // namespace corepulse::pipeline
