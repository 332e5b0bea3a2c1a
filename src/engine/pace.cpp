#include "engine/pace.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "mlx/random.h"
#include "mlx/transforms.h"

#include "kernels/attention.h"
#include "kernels/conv2d.h"
#include "kernels/linear.h"

namespace corepulse::engine {
namespace {

mx::array numbers(const mx::Shape& shape, mx::Dtype dtype) {
  auto x = mx::astype(mx::random::normal(shape, mx::random::key(1)) * mx::array(0.1f), dtype);
  mx::eval(x);
  return x;
}

/** The best of three, after one that packs the weights. */
template <class Compute>
double seconds_of(Compute compute) {
  double best = INFINITY;
  for (int i = 0; i < 4; ++i) {
    const auto start = std::chrono::steady_clock::now();
    auto result = compute();
    mx::eval(result);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (i > 0) best = std::min(best, seconds);
  }
  return best;
}

}  // namespace

Work& Work::operator+=(const Work& other) {
  convolution += other.convolution, matrix += other.matrix, attention += other.attention;
  return *this;
}

Work Work::operator*(double times) const {
  return {convolution * times, matrix * times, attention * times};
}

Work measure_pace(mx::Dtype dtype) {
  constexpr int kSide = 64, kChannels = 128, kTokens = 1024, kWidth = 512, kHead = 64;
  const kernels::Conv2d conv(numbers({kChannels, 3, 3, kChannels}, dtype), {}, 1, kernels::Padding::same(1));
  const kernels::Linear linear(numbers({kWidth, kWidth}, dtype), {});
  const auto picture = numbers({1, kSide, kSide, kChannels}, dtype), rows = numbers({1, 2 * kTokens, kWidth}, dtype);
  const auto tokens = numbers({1, kTokens, 4 * kHead}, dtype);
  const auto attend = [&] {
    return kernels::attention(tokens, tokens, tokens, {.heads = 4, .scale = 1 / std::sqrt(float{kHead})});
  };
  return {9.0 * kSide * kSide * kChannels * kChannels / seconds_of([&] { return conv(picture); }),
          2.0 * kTokens * kWidth * kWidth / seconds_of([&] { return linear(rows); }),
          2.0 * kTokens * kTokens * 4 * kHead / seconds_of(attend)};
}

double seconds(const Work& work, const Work& pace) {
  return work.convolution / pace.convolution + work.matrix / pace.matrix + work.attention / pace.attention;
}

}  // namespace corepulse::engine
