// torch.randn on the CPU: MT19937, and two ways from its bits to normals, chosen by the tensor's size.
#include "sampler/noise/torch_noise.h"

#include <cmath>
#include <numbers>
#include <optional>
#include <random>

namespace corepulse::sampler {
namespace {

constexpr size_t kBlock = 16;

class TorchCpuNoise final : public NoiseStream {
 public:
  explicit TorchCpuNoise(uint64_t seed) : engine_(static_cast<uint32_t>(seed)) {}

  std::vector<float> next(const std::vector<int>& shape) override {
    std::vector<float> values(element_count(shape));
    if (values.size() < kBlock) {
      for (auto& value : values) value = one();
      return values;
    }
    for (auto& value : values) value = uniform24();
    size_t i = 0;
    for (; i + kBlock <= values.size(); i += kBlock) normalise(&values[i]);
    if (i == values.size()) return values;
    // A rest that fills no block: torch draws the last 16 values anew.
    float* tail = values.data() + values.size() - kBlock;
    for (size_t j = 0; j < kBlock; ++j) tail[j] = uniform24();
    normalise(tail);
    return values;
  }

 private:
  float uniform24() { return static_cast<float>(engine_() & 0xFFFFFF) * 0x1p-24f; }

  double uniform53() {
    const uint64_t high = engine_();
    const uint64_t bits = high << 32 | engine_();
    return static_cast<double>(bits & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
  }

  // Box-Muller on 16 uniforms: the first 8 give radii, the last 8 angles. In float32, as torch rounds.
  static void normalise(float* block) {
    constexpr float kTurn = 2 * std::numbers::pi_v<float>;
    for (size_t j = 0; j < kBlock / 2; ++j) {
      const float radius = std::sqrt(-2 * std::log(1 - block[j]));
      const float angle = kTurn * block[j + 8];
      block[j] = radius * std::cos(angle);
      block[j + 8] = radius * std::sin(angle);
    }
  }

  // Short tensors are drawn one by one in float64, in pairs whose second half waits for the next value or call.
  float one() {
    if (waiting_) {
      const auto value = static_cast<float>(*waiting_);
      waiting_.reset();
      return value;
    }
    const double angle = 2 * std::numbers::pi * uniform53();
    const double radius = std::sqrt(-2 * std::log1p(-uniform53()));
    waiting_ = radius * std::sin(angle);
    return static_cast<float>(radius * std::cos(angle));
  }

  std::mt19937 engine_;
  std::optional<double> waiting_;
};

}  // namespace

size_t element_count(const std::vector<int>& shape) {
  size_t count = 1;
  for (const int size : shape) count *= static_cast<size_t>(size);
  return count;
}

std::unique_ptr<NoiseStream> make_torch_cpu_noise(uint64_t seed) {
  return std::make_unique<TorchCpuNoise>(seed);
}

}  // namespace corepulse::sampler
