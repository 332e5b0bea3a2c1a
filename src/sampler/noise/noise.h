#pragma once
// Random numbers that equal other tools': the same seed gives the same picture.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "corepulse/sampling.h"

#include "base/tensor.h"
#include "sampler/sampler.h"

namespace corepulse::sampler {

/**
 * A stream of standard normal numbers for one image. Each call continues the stream, as torch's generator does.
 * cpu: MT19937 as torch.randn(generator=cpu, float32); cuda: Philox4x32-10 as torch on one GPU; mlx: threefry.
 */
class NoiseStream {
 public:
  virtual ~NoiseStream() = default;
  /** n = product(shape) numbers in the row-major order of `shape` (NCHW for latents, as torch draws them). */
  virtual std::vector<float> next(const std::vector<int>& shape) = 0;
};

std::unique_ptr<NoiseStream> make_noise(NoiseKind kind, uint64_t seed);

/** [1, C, h, w] in torch's order -> [1, h, w, C]. */
mx::array latents_of(const std::vector<float>& values, int channels, int height, int width);

/** Draws [1, C, h, w] and returns it as MLX wants latents: [1, h, w, C]. */
mx::array latent_noise(NoiseStream& stream, int channels, int height, int width);

/** A source of independent noises as one Brownian motion: the second of two ways from a level goes on from the first.
 */
NoiseFunction on_one_path(std::function<mx::array()> draw);

/** One stream of random numbers per image, so that a picture does not depend on its batch. */
class BatchNoise {
 public:
  BatchNoise(NoiseKind kind, const std::vector<uint64_t>& seeds, int height, int width);
  /** The next noise of all images: [B, h, w, 4]. */
  mx::array operator()() const;

 private:
  std::vector<std::unique_ptr<NoiseStream>> streams_;
  int height_, width_;
};

}  // namespace corepulse::sampler
