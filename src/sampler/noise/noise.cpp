#include "sampler/noise/noise.h"

#include <cmath>
#include <optional>

#include "mlx/random.h"

#include "base/fail.h"
#include "sampler/noise/torch_noise.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

// The draws of mlx.core.random.seed(seed), then normal(shape) again and again: a key per draw, split off the last.
class MlxNoise final : public NoiseStream {
 public:
  explicit MlxNoise(uint64_t seed) : keys_(seed) {}

  std::vector<float> next(const std::vector<int>& shape) override {
    auto values = mx::random::normal(mx::Shape(shape.begin(), shape.end()), mx::float32, keys_.next());
    values.eval();
    return {values.data<float>(), values.data<float>() + values.size()};
  }

 private:
  mx::random::KeySequence keys_;
};

}  // namespace

std::unique_ptr<NoiseStream> make_noise(NoiseKind kind, uint64_t seed) {
  switch (kind) {
    case NoiseKind::cpu:
      return make_torch_cpu_noise(seed);
    case NoiseKind::cuda:
      return make_philox_noise(seed);
    case NoiseKind::mlx:
      return std::make_unique<MlxNoise>(seed);
  }
  fail(ErrorCode::invalid_request, "noise", "no such noise");
}

mx::array latents_of(const std::vector<float>& drawn, int channels, int height, int width) {
  std::vector<float> latent(drawn.size());
  const size_t pixels = static_cast<size_t>(height) * width;
  for (size_t pixel = 0; pixel < pixels; ++pixel)
    for (int c = 0; c < channels; ++c) latent[pixel * channels + c] = drawn[c * pixels + pixel];
  return mx::array(latent.begin(), {1, height, width, channels}, mx::float32);
}

mx::array latent_noise(NoiseStream& stream, int channels, int height, int width) {
  return latents_of(stream.next({1, channels, height, width}), channels, height, width);
}

NoiseFunction on_one_path(std::function<mx::array()> draw) {
  struct Last {
    Way way;
    std::optional<mx::array> noise;
  };
  return [draw = std::move(draw), last = std::make_shared<Last>()](Way way) {
    auto noise = draw();
    const bool goes_on = last->noise && last->way.from == way.from && way.to < last->way.to;
    if (goes_on) {
      const double shared = std::sqrt((way.from - last->way.to) / (way.from - way.to));
      noise = times(shared, *last->noise) + times(std::sqrt(1 - shared * shared), noise);
    }
    *last = {way, noise};
    return noise;
  };
}

BatchNoise::BatchNoise(NoiseKind kind, const std::vector<uint64_t>& seeds, int height, int width)
    : height_(height), width_(width) {
  for (const auto seed : seeds) streams_.push_back(make_noise(kind, seed));
}

mx::array BatchNoise::operator()() const {
  std::vector<mx::array> images;
  for (const auto& stream : streams_) images.push_back(latent_noise(*stream, 4, height_, width_));
  return mx::concatenate(images, 0);
}

}  // namespace corepulse::sampler
