// Self-attention guidance (Hong et al. 2023), as Diffusers' StableDiffusionSAGPipeline: with x0 the estimate of the
// picture and B its blur (9 taps), m 1 at tokens that are looked at more than the threshold, each token standing for
// the latent pixels nearest to it: x + m (B - x0).
#include "pipeline/guidance/blurred.h"

#include "sampler/guidance/grid.h"
#include "sampler/prediction.h"

namespace corepulse::pipeline {
namespace {

/** For every pixel of `to` in a line the place of `from` that stands for it. */
mx::array nearest(int from, int to) {
  std::vector<int> places;
  for (int i = 0; i < to; ++i) places.push_back(static_cast<int>(static_cast<int64_t>(i) * from / to));
  return mx::array(places.begin(), {to}, mx::int32);
}

}  // namespace

mx::array Looks::mean(const std::vector<bool>& sites, int image) const {
  std::optional<mx::array> sum;
  int count = 0;
  for (size_t i = 0; i < sites.size(); ++i) {
    if (!sites[i]) continue;
    const auto& one = told_.at({static_cast<int>(i), image});
    sum = sum ? *sum + one : one;
    ++count;
  }
  return *sum * like(1 / static_cast<float>(count), *sum);
}

mx::array blurred_input(const control::BlurredCall& blurred, const Looks& looks, const sampler::Training& training,
                        const mx::array& x, const mx::array& output, double sigma) {
  const auto& grid = blurred.grid;
  std::vector<mx::array> masks;
  for (const int image : blurred.images) {
    const auto looked_at = mx::reshape(looks.mean(blurred.sites, image), {1, grid.height, grid.width, 1});
    masks.push_back(
        mx::astype(mx::greater(looked_at, like(static_cast<float>(blurred.threshold), looked_at)), x.dtype()));
  }
  auto mask = mx::take(mx::concatenate(masks, 0), nearest(grid.height, x.shape(1)), 1);
  mask = mx::take(mask, nearest(grid.width, x.shape(2)), 2);
  const auto estimate = sampler::denoised(training, x, output, sigma);
  return x + mask * (sampler::gaussian_blur(estimate, blurred.sigma) - estimate);
}

}  // namespace corepulse::pipeline
