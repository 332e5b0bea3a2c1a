// How far two pictures are apart.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <numeric>
#include <utility>

#include "corepulse/picture_measures.h"

#include "base/fail.h"

namespace corepulse {

namespace {

constexpr int kReach = 5;  // of the window, from its middle
constexpr double kSigma = 1.5;

using Plane = std::vector<double>;

void check_pair(const Image& a, const Image& b, const std::vector<double>& weights) {
  if (a.width != b.width || a.height != b.height)
    fail(
        ErrorCode::invalid_request, "measure",
        fmt::format("pictures of {} x {} and {} x {}; expected two of one size", a.width, a.height, b.width, b.height));
  const size_t pixels = size_t(a.width) * a.height;
  if (pixels == 0 || a.pixels.size() != 3 * pixels || b.pixels.size() != 3 * pixels)
    fail(ErrorCode::invalid_request, "measure", "a picture is empty; expected three bytes a pixel");
  if (!weights.empty() && weights.size() != pixels)
    fail(ErrorCode::invalid_request, "measure",
         fmt::format("{} weights for {} pixels; expected one each", weights.size(), pixels));
  if (!weights.empty() && !(std::accumulate(weights.begin(), weights.end(), 0.0) > 0))
    fail(ErrorCode::invalid_request, "measure", "no pixel has a weight; expected some above 0");
}

double mean_of(const Plane& values, const std::vector<double>& weights) {
  double sum = 0, all = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double w = weights.empty() ? 1 : weights[i];
    sum += w * values[i], all += w;
  }
  return sum / all;
}

Plane luminance(const Image& image) {
  Plane plane(image.pixels.size() / 3);
  for (size_t i = 0; i < plane.size(); ++i)
    plane[i] = 0.299 * image.pixels[3 * i] + 0.587 * image.pixels[3 * i + 1] + 0.114 * image.pixels[3 * i + 2];
  return plane;
}

/** Along one axis: `count` lines of `length` values that lie `step` apart. */
void blur_lines(Plane& plane, int count, int length, size_t line, size_t step) {
  std::array<double, 2 * kReach + 1> window{};
  for (int k = -kReach; k <= kReach; ++k) window[size_t(k + kReach)] = std::exp(-k * k / (2 * kSigma * kSigma));
  std::vector<double> out(static_cast<size_t>(length));
  for (int n = 0; n < count; ++n) {
    double* const first = &plane[size_t(n) * line];
    for (int i = 0; i < length; ++i) {
      double sum = 0, all = 0;
      for (int k = std::max(-kReach, -i); k <= std::min(kReach, length - 1 - i); ++k) {
        sum += window[size_t(k + kReach)] * first[size_t(i + k) * step];
        all += window[size_t(k + kReach)];
      }
      out[size_t(i)] = sum / all;
    }
    for (int i = 0; i < length; ++i) first[size_t(i) * step] = out[size_t(i)];
  }
}

/** The means of the windows around all pixels. */
Plane windowed(Plane plane, int width, int height) {
  blur_lines(plane, height, width, size_t(width), 1);
  blur_lines(plane, width, height, 1, size_t(width));
  return plane;
}

Plane product(const Plane& a, const Plane& b) {
  Plane out(a.size());
  for (size_t i = 0; i < a.size(); ++i) out[i] = a[i] * b[i];
  return out;
}

}  // namespace

double mean_difference(const Image& a, const Image& b, const std::vector<double>& weights) {
  check_pair(a, b, weights);
  Plane distance(a.pixels.size() / 3);
  for (size_t i = 0; i < a.pixels.size(); ++i) distance[i / 3] += std::abs(a.pixels[i] - b.pixels[i]) / (3 * 255.0);
  return mean_of(distance, weights);
}

double structural_similarity(const Image& a, const Image& b, const std::vector<double>& weights) {
  check_pair(a, b, weights);
  constexpr double c1 = 0.01 * 255 * 0.01 * 255, c2 = 0.03 * 255 * 0.03 * 255;
  const auto x = luminance(a), y = luminance(b);
  const auto mean = [&](Plane plane) { return windowed(std::move(plane), a.width, a.height); };
  const auto mx = mean(x), my = mean(y), xx = mean(product(x, x)), yy = mean(product(y, y)), xy = mean(product(x, y));
  Plane map(x.size());
  for (size_t i = 0; i < map.size(); ++i) {
    const double means = mx[i] * my[i], squares = mx[i] * mx[i] + my[i] * my[i];
    map[i] = (2 * means + c1) * (2 * (xy[i] - means) + c2) / ((squares + c1) * (xx[i] + yy[i] - squares + c2));
  }
  return mean_of(map, weights);
}

}  // namespace corepulse
