#include "pipeline/guide/hint_picture.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>

#include "pipeline/guide/edges.h"
#include "pipeline/init/resize.h"

namespace corepulse::pipeline {
namespace {

Image at_size(const Image& image, Fit fit, const HintCanvas& canvas) {
  const auto* around = canvas.around;
  if (!around) return fitted(image, fit, canvas.width, canvas.height);
  const int width = around->picture.width, height = around->picture.height;
  const auto& part = around->part;
  if (part.left == 0 && part.top == 0 && part.width == width && part.height == height)
    return fitted(image, fit, canvas.width, canvas.height);
  const Margins margins{-part.left, -part.top, part.left + part.width - width, part.top + part.height - height};
  return fitted(with_margins(fitted(image, fit, width, height), margins), Fit::stretch, canvas.width, canvas.height);
}

Image of_edges(const Image& image, const ControlNet& net) {
  Image edges{image.width, image.height, {}, {}};
  edges.pixels.reserve(image.pixels.size());
  for (const auto v : canny(image, net.low, net.high)) edges.pixels.insert(edges.pixels.end(), 3, v);
  return edges;
}

Image coarse(const Image& image, double times) {
  const auto side = [=](int pixels) { return std::max(1, static_cast<int>(std::nearbyint(pixels / times))); };
  const auto small = resize(image, Resample::lanczos, whole_of(image), side(image.width), side(image.height));
  return resize(small, Resample::lanczos, whole_of(small), image.width, image.height);
}

std::vector<float> gaussian(double sigma) {
  const int reach = std::max(1, static_cast<int>(std::ceil(4 * sigma)));
  std::vector<float> weights;
  double sum = 0;
  for (int i = -reach; i <= reach; ++i) sum += std::exp(-0.5 * i * i / (sigma * sigma));
  for (int i = -reach; i <= reach; ++i)
    weights.push_back(static_cast<float>(std::exp(-0.5 * i * i / (sigma * sigma)) / sum));
  return weights;
}

/** The picture's edges repeated outwards; along x, or along y. */
HintPicture blurred(const HintPicture& picture, const std::vector<float>& weights, bool along_x) {
  auto result = picture;
  const int reach = static_cast<int>(weights.size() / 2);
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x)
      for (int c = 0; c < 3; ++c) {
        float sum = 0;
        for (int i = -reach; i <= reach; ++i) {
          const int from_x = along_x ? std::clamp(x + i, 0, picture.width - 1) : x;
          const int from_y = along_x ? y : std::clamp(y + i, 0, picture.height - 1);
          const auto at = (static_cast<size_t>(from_y) * picture.width + from_x) * 3 + c;
          sum += weights[static_cast<size_t>(i + reach)] * picture.values[at];
        }
        result.values[(static_cast<size_t>(y) * picture.width + x) * 3 + c] = sum;
      }
  return result;
}

/** Smooth noise, 0..1 over the whole: one axis of where pixels come from. */
class Flow {
 public:
  Flow(int width, int height, std::mt19937& random) : cell_(std::max(width, height) / 3.f) {
    columns_ = static_cast<int>(width / cell_) + 2;
    const int rows = static_cast<int>(height / cell_) + 2;
    for (int i = 0; i < columns_ * rows; ++i) nodes_.push_back(static_cast<float>(random() >> 8) / (1 << 24));
  }
  float at(int x, int y) const {
    const float across = x / cell_, down = y / cell_;
    const int i = static_cast<int>(across), j = static_cast<int>(down);
    const auto eased = [](float t) { return t * t * (3 - 2 * t); };
    const float u = eased(across - static_cast<float>(i)), v = eased(down - static_cast<float>(j));
    const auto node = [&](int a, int b) { return nodes_[static_cast<size_t>(b) * columns_ + a]; };
    return (1 - v) * ((1 - u) * node(i, j) + u * node(i + 1, j)) +
           v * ((1 - u) * node(i, j + 1) + u * node(i + 1, j + 1));
  }

 private:
  float cell_;
  int columns_ = 0;
  std::vector<float> nodes_;
};

Image shuffled(const Image& image, unsigned seed) {
  std::mt19937 random(seed);
  const Flow across(image.width, image.height, random), down(image.width, image.height, random);
  auto result = image;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const int from_x = static_cast<int>(across.at(x, y) * static_cast<float>(image.width - 1) + 0.5f);
      const int from_y = static_cast<int>(down.at(x, y) * static_cast<float>(image.height - 1) + 0.5f);
      std::copy_n(image.pixels.begin() + (static_cast<ptrdiff_t>(from_y) * image.width + from_x) * 3, 3,
                  result.pixels.begin() + (static_cast<ptrdiff_t>(y) * image.width + x) * 3);
    }
  return result;
}

void mark(HintPicture& picture, const Region& mask, const HintCanvas& canvas, float redrawn, const std::string& path) {
  control::Canvas of{canvas.height, canvas.width, [&](const Region& region) { return canvas.masks->read(region); }};
  if (canvas.around)
    of = {canvas.around->picture.height, canvas.around->picture.width, of.picture, canvas.around->part};
  const auto drawn = control::rasterize(mask, of, path + ".mask");
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x)
      if (at_pixel(drawn, x, y, picture.width, picture.height) > 0.5)
        std::fill_n(picture.values.begin() + (static_cast<ptrdiff_t>(y) * picture.width + x) * 3, 3, redrawn);
}

HintPicture numbers_of(const Image& image) {
  HintPicture picture{image.width, image.height, {}};
  picture.values.reserve(image.pixels.size());
  for (const auto v : image.pixels) picture.values.push_back(static_cast<float>(v) / 255.f);
  return picture;
}

}  // namespace

HintPicture hint_picture(const Image& image, const ControlNet& net, const HintCanvas& canvas, float redrawn,
                         const std::string& path) {
  using Prepare = ControlNet::Prepare;
  auto fit = at_size(image, net.fit, canvas);
  if (net.prepare == Prepare::canny) fit = of_edges(fit, net);
  if (net.prepare == Prepare::tile) fit = coarse(fit, net.amount.value_or(4));
  if (net.prepare == Prepare::shuffle) fit = shuffled(fit, net.seed);
  if (net.prepare == Prepare::invert)
    for (auto& v : fit.pixels) v = static_cast<uint8_t>(255 - v);
  auto picture = numbers_of(fit);
  if (net.prepare == Prepare::blur) {
    const auto weights = gaussian(net.amount.value_or(9));
    picture = blurred(blurred(picture, weights, true), weights, false);
  }
  if (net.prepare == Prepare::mask) mark(picture, *net.mask, canvas, redrawn, path);
  return picture;
}

}  // namespace corepulse::pipeline
