// torch.randn on an NVIDIA GPU: Philox4x32-10 and the way torch spreads it over a tensor.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "sampler/noise/torch_noise.h"

namespace corepulse::sampler {
namespace {

using Words = std::array<uint32_t, 4>;

// Philox4x32-10 (Salmon et al. 2011).
Words philox(Words counter, uint64_t seed) {
  auto k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0], p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return counter;
}

// curand's Box-Muller: the sine of a pair of words, or its cosine. In float32, rounded as a GPU does.
float box_muller(uint32_t radius_bits, uint32_t angle_bits, bool sine) {
  constexpr float kTurn = 2 * std::numbers::pi_v<float>;
  const float u = std::fma(static_cast<float>(radius_bits), 0x1p-32f, 0x1p-33f);
  const float angle = std::fma(static_cast<float>(angle_bits), kTurn * 0x1p-32f, kTurn * 0x1p-33f);
  return std::sqrt(-2 * std::log(u)) * (sine ? std::sin(angle) : std::cos(angle));
}

class PhiloxNoise final : public NoiseStream {
 public:
  explicit PhiloxNoise(uint64_t seed) : seed_(seed) {}

  std::vector<float> next(const std::vector<int>& shape) override {
    // torch's grid: blocks of 256 threads, at most as many as the card holds at once. Each thread makes four normals
    // per counter, spread over the tensor at strides of the grid. The cap is the one of a card with 128 multiprocessors
    // of 1536 threads; it matters only above 196,608 elements.
    constexpr size_t kBlockThreads = 256, kMostBlocks = 768, kPerThread = 4;
    std::vector<float> values(element_count(shape));
    const size_t blocks = (values.size() + kBlockThreads - 1) / kBlockThreads;
    const size_t threads = kBlockThreads * std::clamp(blocks, size_t{1}, kMostBlocks);
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t lane = i / threads % kPerThread, round = i / (threads * kPerThread);
      const auto words = philox(counter(round, i % threads), seed_);
      const size_t pair = lane / 2 * 2;
      values[i] = box_muller(words[pair], words[pair + 1], lane % 2 == 0);
    }
    offset_ += (values.size() + threads * kPerThread - 1) / (threads * kPerThread);
    return values;
  }

 private:
  Words counter(uint64_t round, uint64_t thread) const {
    const uint64_t offset = offset_ + round;
    return {static_cast<uint32_t>(offset), static_cast<uint32_t>(offset >> 32), static_cast<uint32_t>(thread),
            static_cast<uint32_t>(thread >> 32)};
  }

  uint64_t seed_, offset_ = 0;
};

}  // namespace

std::unique_ptr<NoiseStream> make_philox_noise(uint64_t seed) {
  return std::make_unique<PhiloxNoise>(seed);
}

}  // namespace corepulse::sampler
