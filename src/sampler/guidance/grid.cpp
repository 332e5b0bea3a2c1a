#include "sampler/guidance/grid.h"

#include <algorithm>
#include <cmath>

namespace corepulse::sampler {
namespace {

/** The place within 0..size-1 that a mirror at its ends shows. */
int mirrored(int place, int size) {
  if (size == 1) return 0;
  const int period = 2 * (size - 1);
  place = ((place % period) + period) % period;
  return place < size ? place : period - place;
}

mx::array matrix_of(const LineMap& map) {
  const std::vector<float> numbers(map.weights.begin(), map.weights.end());
  return mx::array(numbers.begin(), {map.out, map.in}, mx::float32);
}

}  // namespace

LineMap blur(int size, const std::vector<double>& taps) {
  LineMap map{size, size, std::vector<double>(static_cast<size_t>(size) * size)};
  const int half = static_cast<int>(taps.size()) / 2;
  for (int i = 0; i < size; ++i)
    for (int t = -half; t <= half; ++t)
      map.weights[static_cast<size_t>(i) * size + mirrored(i + t, size)] += taps[static_cast<size_t>(t + half)];
  return map;
}

LineMap resized(int from, int to) {
  LineMap map{to, from, std::vector<double>(static_cast<size_t>(to) * from)};
  for (int i = 0; i < to; ++i) {
    const double at = std::max(0.0, (i + 0.5) * from / to - 0.5);
    const int first = std::min(static_cast<int>(at), from - 1), second = std::min(first + 1, from - 1);
    map.weights[static_cast<size_t>(i) * from + first] += 1 - (at - first);
    map.weights[static_cast<size_t>(i) * from + second] += at - first;
  }
  return map;
}

LineMap operator*(const LineMap& then, const LineMap& first) {
  LineMap map{then.out, first.in, std::vector<double>(static_cast<size_t>(then.out) * first.in)};
  for (int i = 0; i < then.out; ++i)
    for (int k = 0; k < then.in; ++k) {
      const double weight = then.weights[static_cast<size_t>(i) * then.in + k];
      for (int j = 0; j < first.in && weight != 0; ++j)
        map.weights[static_cast<size_t>(i) * first.in + j] +=
            weight * first.weights[static_cast<size_t>(k) * first.in + j];
    }
  return map;
}

mx::array along(const LineMap& down, const LineMap& across, const mx::array& x) {
  const int batch = x.shape(0), width = x.shape(2), channels = x.shape(3);
  const auto columns = mx::reshape(mx::astype(x, mx::float32), {batch, down.in, width * channels});
  const auto made = mx::reshape(mx::matmul(matrix_of(down), columns), {batch, down.out, width, channels});
  return mx::astype(mx::matmul(matrix_of(across), made), x.dtype());
}

mx::array gaussian_blur(const mx::array& x, double sigma) {
  std::vector<double> taps;
  double sum = 0;
  for (int t = -4; t <= 4; ++t) sum += taps.emplace_back(std::exp(-0.5 * (t / sigma) * (t / sigma)));
  for (auto& tap : taps) tap /= sum;
  return along(blur(x.shape(1), taps), blur(x.shape(2), taps), x);
}

}  // namespace corepulse::sampler
