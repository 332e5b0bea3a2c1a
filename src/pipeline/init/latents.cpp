#include "pipeline/init/latents.h"

#include "kernels/stop.h"
#include "pipeline/finite.h"

namespace corepulse::pipeline {
namespace {

/** 0..255 to -1..1: [1, H, W, 3]. */
mx::array to_array(const Image& image) {
  std::vector<float> values(image.pixels.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(image.pixels[i]) / 255.f * 2 - 1;
  return mx::array(values.begin(), {1, image.height, image.width, 3}, mx::float32);
}

}  // namespace

mx::array StartLatents::at(double sigma) const {
  return picture + like(static_cast<float>(sigma), noise) * noise;
}

StartLatents start_latents(const model::Model& model, const model::Parts& parts, const Image& picture,
                           const sampler::BatchNoise& noise, Compat compat) {
  const auto posterior = model.vae.encode_within_memory(to_array(picture));
  const auto mean = mx::astype(posterior.mean, mx::float32), logvar = mx::astype(posterior.logvar, mx::float32);
  const bool finite = is_finite(mean) && is_finite(logvar);
  kernels::check_stop();  // before an unfinished encoding is called a damaged one
  if (!finite) fail_not_finite("the encoded picture holds infinite or undefined numbers", parts, model.vae.dtype());
  if (compat == Compat::diffusers) {
    const auto sample = mean + mx::exp(like(0.5f, logvar) * logvar) * noise();
    return {model.vae.scaled(sample), noise()};
  }
  const auto drawn = noise();
  return {mx::broadcast_to(model.vae.scaled(mean), drawn.shape()), drawn};
}

}  // namespace corepulse::pipeline
