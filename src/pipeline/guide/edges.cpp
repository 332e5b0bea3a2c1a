#include "pipeline/guide/edges.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace corepulse::pipeline {
namespace {

/** Of one pixel, in the channel in which they are largest together. */
struct Gradient {
  int x = 0, y = 0;
  int size() const { return std::abs(x) + std::abs(y); }
};

/** Sobel's, the picture's edges repeated outwards. */
class Gradients {
 public:
  explicit Gradients(const Image& image) : width_(image.width), height_(image.height) {
    all_.reserve(static_cast<size_t>(width_) * height_);
    for (int y = 0; y < height_; ++y)
      for (int x = 0; x < width_; ++x) all_.push_back(of(image, x, y));
  }
  const Gradient& at(int x, int y) const { return all_[static_cast<size_t>(y) * width_ + x]; }
  /** 0 outside. */
  int size(int x, int y) const { return x < 0 || y < 0 || x >= width_ || y >= height_ ? 0 : at(x, y).size(); }

 private:
  Gradient of(const Image& image, int x, int y) const {
    const int left = std::max(x - 1, 0), right = std::min(x + 1, width_ - 1);
    const int up = std::max(y - 1, 0), down = std::min(y + 1, height_ - 1);
    Gradient largest;
    for (size_t c = 0; c < 3; ++c) {
      const auto v = [&](int i, int j) -> int { return image.pixels[(static_cast<size_t>(j) * width_ + i) * 3 + c]; };
      const Gradient own{v(right, up) + 2 * v(right, y) + v(right, down) - v(left, up) - 2 * v(left, y) - v(left, down),
                         v(left, down) + 2 * v(x, down) + v(right, down) - v(left, up) - 2 * v(x, up) - v(right, up)};
      if (c == 0 || own.size() > largest.size()) largest = own;
    }
    return largest;
  }

  int width_, height_;
  std::vector<Gradient> all_;
};

/** Whether no neighbour along the gradient has a larger one; of two equal ones the first counts. */
bool is_crest(const Gradients& g, int x, int y) {
  constexpr int64_t kTan22 = 13573;  // tan(22.5 degrees) * 2^15, as OpenCV rounds it
  const auto& own = g.at(x, y);
  const int size = own.size();
  const int64_t across = std::abs(own.x), down = int64_t{std::abs(own.y)} << 15;
  const int64_t low = across * kTan22, high = low + (across << 16);
  if (down < low) return size > g.size(x - 1, y) && size >= g.size(x + 1, y);
  if (down > high) return size > g.size(x, y - 1) && size >= g.size(x, y + 1);
  const int side = (own.x ^ own.y) < 0 ? -1 : 1;
  return size > g.size(x - side, y - 1) && size > g.size(x + side, y + 1);
}

}  // namespace

std::vector<uint8_t> canny(const Image& image, double low, double high) {
  const int least = static_cast<int>(std::floor(low)), sure = static_cast<int>(std::floor(high));
  const Gradients g(image);
  std::vector<uint8_t> edges(static_cast<size_t>(image.width) * image.height, 0);
  constexpr uint8_t kMaybe = 1, kEdge = 255;
  std::vector<std::pair<int, int>> open;
  const auto cell = [&](int x, int y) -> uint8_t& { return edges[static_cast<size_t>(y) * image.width + x]; };
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const int size = g.size(x, y);
      if (size <= least || !is_crest(g, x, y)) continue;
      cell(x, y) = size > sure ? kEdge : kMaybe;
      if (size > sure) open.emplace_back(x, y);
    }
  while (!open.empty()) {  // what may be an edge is one if it touches one
    const auto [x, y] = open.back();
    open.pop_back();
    for (int j = std::max(y - 1, 0); j <= std::min(y + 1, image.height - 1); ++j)
      for (int i = std::max(x - 1, 0); i <= std::min(x + 1, image.width - 1); ++i)
        if (cell(i, j) == kMaybe) cell(i, j) = kEdge, open.emplace_back(i, j);
  }
  std::replace(edges.begin(), edges.end(), kMaybe, uint8_t{0});
  return edges;
}

}  // namespace corepulse::pipeline
