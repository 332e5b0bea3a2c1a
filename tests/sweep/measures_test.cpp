// Distances of pictures, against the plain formulas.

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <random>

#include "corepulse/error.h"
#include "corepulse/picture_measures.h"

using namespace corepulse;

namespace {

Image noise(int width, int height, unsigned seed) {
  std::mt19937 random(seed);
  Image image{width, height, {}, {}};
  for (int i = 0; i < width * height * 3; ++i) image.pixels.push_back(uint8_t(random() % 256));
  return image;
}

double grey(const Image& image, int x, int y) {
  const auto* p = &image.pixels[(size_t(y) * image.width + x) * 3];
  return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
}

/** SSIM at one pixel, window by window, as the paper writes it. */
double plain_ssim(const Image& a, const Image& b, int x, int y) {
  double sum = 0, ma = 0, mb = 0;
  const auto each = [&](auto what) {
    for (int v = std::max(0, y - 5); v <= std::min(a.height - 1, y + 5); ++v)
      for (int u = std::max(0, x - 5); u <= std::min(a.width - 1, x + 5); ++u)
        what(std::exp(-((u - x) * (u - x) + (v - y) * (v - y)) / 4.5), grey(a, u, v), grey(b, u, v));
  };
  each([&](double w, double p, double q) { sum += w, ma += w * p, mb += w * q; });
  ma /= sum, mb /= sum;
  double va = 0, vb = 0, cov = 0;
  each([&](double w, double p, double q) {
    va += w / sum * (p - ma) * (p - ma), vb += w / sum * (q - mb) * (q - mb), cov += w / sum * (p - ma) * (q - mb);
  });
  const double c1 = 6.5025, c2 = 58.5225;
  return (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
}

}  // namespace

TEST_CASE("SSIM is the paper's formula, window by window, also where the edge cuts windows and in tiny pictures") {
  for (const auto& [width, height] : {std::pair{24, 17}, {5, 3}, {1, 1}}) {
    const auto a = noise(width, height, 1), b = noise(width, height, 2);
    double sum = 0, weighted = 0, all = 0;
    std::vector<double> weights;
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const double one = plain_ssim(a, b, x, y), w = (x + 1) * 0.1;
        sum += one, weighted += w * one, all += w;
        weights.push_back(w);
      }
    CHECK(structural_similarity(a, b) == doctest::Approx(sum / (width * height)).epsilon(1e-9));
    CHECK(structural_similarity(a, b, weights) == doctest::Approx(weighted / all).epsilon(1e-9));
  }
}

TEST_CASE("a picture is equal to itself, and black is as far from white as can be") {
  const auto a = noise(20, 20, 3);
  CHECK(structural_similarity(a, a) == doctest::Approx(1));
  CHECK(mean_difference(a, a) == 0);
  const Image black{2, 2, std::vector<uint8_t>(12, 0), {}}, white{2, 2, std::vector<uint8_t>(12, 255), {}};
  CHECK(mean_difference(black, white) == doctest::Approx(1));
}

TEST_CASE("what has no weight does not count") {
  auto a = noise(30, 30, 4), b = a;
  for (int y = 0; y < 30; ++y)
    for (int x = 15; x < 30; ++x) b.pixels[(size_t(y) * 30 + x) * 3] ^= 0xff;
  const auto right = region_mask(rectangle(0.5, 0, 0.5, 1), 30, 30);
  std::vector<double> left;
  for (const double m : right) left.push_back(1 - m);
  CHECK(mean_difference(a, b, left) == 0);
  CHECK(mean_difference(a, b, right) > 0.1);
  CHECK(structural_similarity(a, b, left) > structural_similarity(a, b, right));
}

TEST_CASE("masks are regions at every pixel") {
  const auto mask = region_mask(rectangle(0.25, 0, 0.5, 0.5), 8, 4);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 8; ++x) CHECK(mask[size_t(y * 8 + x)] == (x >= 2 && x < 6 && y < 2 ? 1 : 0));
  CHECK(region_mask(circle(0.5, 0.5, 0.1), 2000, 1000).size() == 2000000);
  CHECK_THROWS_AS((void)region_mask(circle(0.5, 0.5, -1), 8, 8), Error);
  CHECK_THROWS_AS((void)region_mask(circle(0.5, 0.5, 1), 0, 8), Error);
}

TEST_CASE("pictures that cannot be compared are refused") {
  const auto a = noise(4, 4, 1);
  CHECK_THROWS_AS((void)mean_difference(a, noise(4, 5, 1)), Error);
  CHECK_THROWS_AS((void)mean_difference(a, a, {1, 2}), Error);
  CHECK_THROWS_AS((void)structural_similarity(a, a, std::vector<double>(16, 0)), Error);
  CHECK_THROWS_AS((void)structural_similarity({}, {}), Error);
}
