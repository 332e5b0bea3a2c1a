// Lanczos resampling with a = 3, bicubic with a = -0.5 and bilinear, each widened when a picture shrinks, in Pillow's
// fixed point (src/libImaging/Resample.c); and its nearest neighbours (Geometry.c).
#include "pipeline/init/resize.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/fail.h"

namespace corepulse::pipeline {
namespace {

constexpr int kPrecision = 32 - 8 - 2;  // bits behind the point of a weight

/** What one pixel of the new line takes from the old one. */
struct Weights {
  int first = 0;
  std::vector<int> values;
};

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

/** What a pixel at distance x counts, and how far it reaches. */
struct Kernel {
  double radius;
  double (*at)(double x);
};

constexpr Kernel kLanczos{3, [](double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }};
constexpr Kernel kBicubic{2, [](double x) {
                            constexpr double a = -0.5;
                            x = std::abs(x);
                            if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
                            return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
                          }};
constexpr Kernel kBilinear{1, [](double x) { return std::max(0.0, 1 - std::abs(x)); }};

std::vector<Weights> weights(const Kernel& kernel, int size, float begin, float end, int new_size) {
  const double scale = static_cast<double>(end - begin) / new_size, widening = std::max(scale, 1.0);
  const double support = kernel.radius * widening;
  std::vector<Weights> all(new_size);
  for (int i = 0; i < new_size; ++i) {
    const double center = begin + (i + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int last = std::min(static_cast<int>(center + support + 0.5), size);
    std::vector<double> exact;
    double sum = 0;
    for (int x = first; x < last; ++x) {
      exact.push_back(kernel.at((x - center + 0.5) / widening));
      sum += exact.back();
    }
    all[i].first = first;
    for (const double w : exact)
      all[i].values.push_back(static_cast<int>((w < 0 ? -0.5 : 0.5) + w / sum * (1 << kPrecision)));
  }
  return all;
}

uint8_t rounded(int64_t sum) {
  return static_cast<uint8_t>(std::clamp<int64_t>(sum >> kPrecision, 0, 255));
}

/** `count` lines of `length` pixels; neighbours in a line are `step` bytes apart, lines `stride` bytes. */
struct Lines {
  size_t count, step, stride;
};

void resample(const uint8_t* from, const Lines& in, uint8_t* to, const Lines& out,
              const std::vector<Weights>& weights) {
  for (size_t line = 0; line < in.count; ++line)
    for (size_t i = 0; i < weights.size(); ++i)
      for (size_t c = 0; c < 3; ++c) {
        const auto& [first, values] = weights[i];
        int64_t sum = int64_t{1} << (kPrecision - 1);
        for (size_t k = 0; k < values.size(); ++k)
          sum += int64_t{values[k]} * from[line * in.stride + (first + k) * in.step + c];
        to[line * out.stride + i * out.step + c] = rounded(sum);
      }
}

Image resized(const Kernel& kernel, const Image& image, const Box& box, int width, int height) {
  Image result{image.width, image.height, image.pixels, {}};
  if (width != image.width || box.left != 0 || box.right != static_cast<float>(width)) {
    Image wide{width, result.height, std::vector<uint8_t>(size_t{3} * width * result.height), {}};
    const auto rows = static_cast<size_t>(result.height);
    resample(result.pixels.data(), {rows, 3, size_t{3} * result.width}, wide.pixels.data(),
             {rows, 3, size_t{3} * width}, weights(kernel, image.width, box.left, box.right, width));
    result = std::move(wide);
  }
  if (height != image.height || box.top != 0 || box.bottom != static_cast<float>(height)) {
    Image high{width, height, std::vector<uint8_t>(size_t{3} * width * height), {}};
    const auto columns = static_cast<size_t>(width), row = columns * 3;
    resample(result.pixels.data(), {columns, row, 3}, high.pixels.data(), {columns, row, 3},
             weights(kernel, image.height, box.top, box.bottom, height));
    result = std::move(high);
  }
  return result;
}

/** For each pixel of a new line the one of the old line under its middle, summed up as Pillow does. */
std::vector<int> nearest(int size, float begin, float end, int new_size) {
  const double step = static_cast<double>(end - begin) / new_size;
  double at = begin + step * 0.5;
  std::vector<int> all(new_size);
  for (auto& from : all) from = std::clamp(static_cast<int>(at), 0, size - 1), at += step;
  return all;
}

Image picked(const Image& image, const Box& box, int width, int height) {
  const auto columns = nearest(image.width, box.left, box.right, width);
  const auto rows = nearest(image.height, box.top, box.bottom, height);
  Image result{width, height, {}, {}};
  result.pixels.reserve(size_t{3} * width * height);
  for (const int y : rows)
    for (const int x : columns) {
      const auto from = image.pixels.begin() + (static_cast<ptrdiff_t>(y) * image.width + x) * 3;
      result.pixels.insert(result.pixels.end(), from, from + 3);
    }
  return result;
}

}  // namespace

Box whole_of(const Image& image) {
  return {0, 0, static_cast<float>(image.width), static_cast<float>(image.height)};
}

Image resize(const Image& image, Resample filter, const Box& box, int width, int height) {
  switch (filter) {
    case Resample::lanczos:
      return resized(kLanczos, image, box, width, height);
    case Resample::nearest:
      return picked(image, box, width, height);
    case Resample::bilinear:
      return resized(kBilinear, image, box, width, height);
    case Resample::bicubic:
      return resized(kBicubic, image, box, width, height);
  }
  fail(ErrorCode::internal, "init", "no such filter");
}

}  // namespace corepulse::pipeline
