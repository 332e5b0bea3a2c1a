#include "control/readings/blur.h"

#include <cmath>

namespace corepulse::control {
namespace {

/** The token that stands at position i of a line of n, mirrored at its ends without repeating them. */
int mirrored(int i, int n) {
  return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i;
}

std::vector<double> gaussian(double sigma, int n) {
  const int most = n % 2 ? n : n + 1;
  const int size = 6 * sigma >= most ? most : static_cast<int>(std::ceil(6 * sigma)) | 1;
  std::vector<double> taps(static_cast<size_t>(size));
  double sum = 0;
  for (int i = 0; i < size; ++i) sum += taps[i] = std::exp(-0.5 * std::pow((i - size / 2) / sigma, 2));
  for (auto& tap : taps) tap /= sum;
  return taps;
}

/** The blur of a line of n tokens as a matrix [n, n]. */
std::vector<double> along(int n, double sigma) {
  std::vector<double> matrix(static_cast<size_t>(n) * n);
  if (n == 1) return {1};
  const auto taps = gaussian(sigma, n);
  const int reach = static_cast<int>(taps.size()) / 2;
  for (int i = 0; i < n; ++i)
    for (int d = -reach; d <= reach; ++d) matrix[static_cast<size_t>(i) * n + mirrored(i + d, n)] += taps[d + reach];
  return matrix;
}

}  // namespace

BlurMatrices gaussian_blur(const Grid& grid, double sigma) {
  return {along(grid.height, sigma), along(grid.width, sigma), grid.height, grid.width};
}

BlurMatrices mean_blur(const Grid& grid) {
  return {std::vector<double>(static_cast<size_t>(grid.height), 1.0 / grid.height),
          std::vector<double>(static_cast<size_t>(grid.width), 1.0 / grid.width), 1, 1};
}

}  // namespace corepulse::control
