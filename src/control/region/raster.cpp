#include "control/region/raster.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numbers>

#include "base/fail.h"
#include "control/quote.h"
#include "control/recipe/region_fields.h"
#include "control/recipe/words.h"
#include "control/region/coverage.h"
#include "control/region/filters.h"

namespace corepulse::control {
namespace {

using Point = Region::Point;
using Shape = Region::Shape;

constexpr int kLargestSide = 768, kLargestViewed = 2048;
constexpr double kLargestNumber = 1e6;
constexpr size_t kMostCorners = 10000, kMostParts = 1000;
constexpr int kDeepest = 32;

class Rasterizer {
 public:
  explicit Rasterizer(const Canvas& canvas) : canvas_(canvas) {
    int factor = 1;
    const int most = canvas.view ? kLargestViewed : kLargestSide;
    while (std::max(canvas.height, canvas.width) > factor * most) factor *= 2;
    height_ = (canvas.height + factor - 1) / factor, width_ = (canvas.width + factor - 1) / factor;
  }
  size_t cells() const { return static_cast<size_t>(height_) * width_; }

  Mask operator()(const Region& r, const std::string& path, int depth = 0) const {
    if (depth > kDeepest) refuse(path, fmt::format("regions nested deeper than {}", kDeepest));
    check(r, path);
    auto mask = draw(r, path, depth);
    const auto [x, y] = cells(r, r.feather_width);
    if (r.feather_width > 0) moving_average(mask, x, y);
    const auto [blur_x, blur_y] = cells(r, r.blur_sigma);
    if (r.blur_sigma > 0) gaussian_blur(mask, blur_x, blur_y);
    if (r.inverted)
      for (auto& v : mask.values) v = 1 - v;
    return mask;
  }

 private:
  void check(const Region& r, const std::string& path) const;
  Mask draw(const Region& r, const std::string& path, int depth) const;
  Mask draw_ellipse(const Region& r) const;
  Mask draw_gradient(const Region& r) const;
  Mask draw_picture(const Region& r, const std::string& path) const;
  Mask draw_attention(const Region& r, const std::string& path) const;
  Mask combine(const Region& r, const std::string& path, int depth) const;

  // Lengths along x and y, in cells. A radius, a blur or a feather is the same length both ways.
  Point cells(const Region& r, double length) const {
    const double pixels = r.unit == LengthUnit::pixel ? length : length * std::min(canvas_.width, canvas_.height);
    return {pixels * width_ / canvas_.width, pixels * height_ / canvas_.height};
  }
  Point cells(const Region& r, const Point& p) const {
    if (r.unit == LengthUnit::fraction) return {p.first * width_, p.second * height_};
    return {p.first * width_ / canvas_.width, p.second * height_ / canvas_.height};
  }
  // In pixels: gradients are measured where both axes have the same scale.
  Point pixels(const Region& r, const Point& p) const {
    if (r.unit == LengthUnit::pixel) return p;
    return {p.first * canvas_.width, p.second * canvas_.height};
  }
  Mask empty() const { return {height_, width_, std::vector<double>(static_cast<size_t>(height_) * width_)}; }

  const Canvas& canvas_;
  int height_, width_;
};

void Rasterizer::check(const Region& r, const std::string& path) const {
  const auto shape = name_of(r.shape);
  const auto check_number = [&](double x, double least, const char* what) {
    if (!(x >= least && x <= kLargestNumber))
      refuse(path, fmt::format("{} {} of the {}; expected {}..{}", what, number(x), shape, least, kLargestNumber));
  };
  const bool sized = r.shape == Shape::rectangle || r.shape == Shape::ellipse;
  if (r.shape == Shape::polygon) {
    if (r.points.size() < 3 || r.points.size() > kMostCorners)
      refuse(path, fmt::format("a polygon of {} corners; expected 3..{}", r.points.size(), kMostCorners));
  } else if (r.points.size() < points_of(r.shape)) {
    refuse(path, fmt::format("a {} needs {} points", shape, points_of(r.shape)));
  }
  for (size_t i = 0; i < r.points.size(); ++i) {
    const double least = sized && i == 1 ? 0 : -kLargestNumber;
    check_number(r.points[i].first, least, "the number");
    check_number(r.points[i].second, least, "the number");
  }
  check_number(r.radius, 0, "the radius");
  check_number(r.feather_width, 0, "the feather");
  check_number(r.blur_sigma, 0, "the blur");
  for (const double v : {r.values.first, r.values.second})
    if (!(v >= 0 && v <= 1)) refuse(path, fmt::format("the value {}; expected 0..1", number(v)));
  if (r.shape == Shape::attention && !(r.threshold >= 0 && r.threshold <= 1))
    refuse(path + ".threshold", fmt::format("{}; expected 0..1", number(r.threshold)));
  if (combines(r.shape) && (r.parts.empty() || r.parts.size() > kMostParts))
    refuse(path, fmt::format("{} of {} parts; expected 1..{}", shape, r.parts.size(), kMostParts));
}

Mask Rasterizer::draw(const Region& r, const std::string& path, int depth) const {
  switch (r.shape) {
    case Shape::rectangle: {
      const auto [x, y] = cells(r, r.points[0]);
      const auto [right, bottom] =
          cells(r, Point{r.points[0].first + r.points[1].first, r.points[0].second + r.points[1].second});
      return coverage({{x, y}, {right, y}, {right, bottom}, {x, bottom}}, height_, width_);
    }
    case Shape::polygon: {
      std::vector<Point> corners;
      for (const auto& p : r.points) corners.push_back(cells(r, p));
      return coverage(corners, height_, width_);
    }
    case Shape::circle:
    case Shape::ellipse:
      return draw_ellipse(r);
    case Shape::linear:
    case Shape::radial:
      if (r.shape == Shape::linear && r.points[0] == r.points[1])
        refuse(path, "a linear gradient from a point to itself; expected two points");
      if (r.shape == Shape::radial && r.radius <= 0) refuse(path, "a radial gradient of radius 0; expected more");
      return draw_gradient(r);
    case Shape::picture:
      return draw_picture(r, path);
    case Shape::attention:
      return draw_attention(r, path);
    default:
      return combine(r, path, depth);
  }
}

Mask Rasterizer::draw_ellipse(const Region& r) const {
  constexpr int kCorners = 720;
  constexpr double pi = std::numbers::pi;
  // The polygon has the ellipse's area.
  const double grow = std::sqrt(2 * pi / (kCorners * std::sin(2 * pi / kCorners)));
  const auto [cx, cy] = cells(r, r.points[0]);
  const auto [rx, ry] = r.shape == Shape::circle ? cells(r, r.radius) : cells(r, r.points[1]);
  std::vector<Point> corners;
  for (int i = 0; i < kCorners; ++i) {
    const double angle = 2 * pi * (i + 0.5) / kCorners;
    corners.emplace_back(cx + rx * grow * std::cos(angle), cy + ry * grow * std::sin(angle));
  }
  return coverage(corners, height_, width_);
}

Mask Rasterizer::draw_gradient(const Region& r) const {
  auto mask = empty();
  const auto [x0, y0] = pixels(r, r.points[0]);
  const double step_x = double(canvas_.width) / width_, step_y = double(canvas_.height) / height_;
  const double radius = r.unit == LengthUnit::pixel ? r.radius : r.radius * std::min(canvas_.width, canvas_.height);
  Point d{0, 0};
  if (r.shape == Shape::linear) {
    const auto [x1, y1] = pixels(r, r.points[1]);
    const double length = std::hypot(x1 - x0, y1 - y0);
    d = {(x1 - x0) / length / length, (y1 - y0) / length / length};
  }
  for (int i = 0; i < height_; ++i)
    for (int j = 0; j < width_; ++j) {
      const double x = (j + 0.5) * step_x - x0, y = (i + 0.5) * step_y - y0;
      const double along = r.shape == Shape::linear ? x * d.first + y * d.second : std::hypot(x, y) / radius;
      mask.values[static_cast<size_t>(i) * width_ + j] =
          r.values.first + (r.values.second - r.values.first) * std::clamp(along, 0.0, 1.0);
    }
  return mask;
}

Mask Rasterizer::draw_picture(const Region& r, const std::string& path) const {
  if (r.file.empty() == r.data.empty()) refuse(path, "expected either file or data, the picture itself");
  if (!canvas_.picture) refuse(path, fmt::format("the picture {} cannot be read here", quote(r.file)));
  const auto picture = [&] {
    try {
      return canvas_.picture(r);
    } catch (const Error& error) {  // "[image] what": here the place is the region
      const std::string message = error.what();
      fail(error.code(), path, message.substr(message.find("] ") + 2));
    }
  }();
  if (picture.width <= 0 || picture.height <= 0 ||
      picture.values.size() != static_cast<size_t>(picture.width) * picture.height)
    refuse(path, fmt::format("the picture {} is empty", quote(r.file)));
  return area_mean(picture, height_, width_);
}

Mask Rasterizer::draw_attention(const Region& r, const std::string& path) const {
  if (!canvas_.unseen) refuse(path, "nothing is looked at here; expected another shape than attention");
  const auto map = canvas_.looked_at ? canvas_.looked_at(r) : std::nullopt;
  const double most = map ? *std::max_element(map->values.begin(), map->values.end()) : 0;
  if (!(most > 0)) return {height_, width_, std::vector<double>(cells(), *canvas_.unseen)};
  Mask inside{map->height, map->width, {}};
  for (const double value : map->values) inside.values.push_back(value >= r.threshold * most);
  return area_mean(inside, height_, width_);
}

Mask Rasterizer::combine(const Region& r, const std::string& path, int depth) const {
  auto sum = (*this)(r.parts[0], path + ".parts[0]", depth + 1);
  for (size_t i = 1; i < r.parts.size(); ++i) {
    const auto part = (*this)(r.parts[i], fmt::format("{}.parts[{}]", path, i), depth + 1);
    for (size_t j = 0; j < sum.values.size(); ++j) {
      double& v = sum.values[j];
      const double w = part.values[j];
      v = r.shape == Shape::add ? std::min(1.0, v + w) : r.shape == Shape::subtract ? std::max(0.0, v - w) : v * w;
    }
  }
  return sum;
}

}  // namespace

Canvas with_live(Canvas canvas, const LiveMasks& live, int image) {
  canvas.unseen = 1;
  if (live) canvas.looked_at = [&live, image](const Region& part) { return live(part, part.image.value_or(image)); };
  return canvas;
}

Mask rasterize(const Region& region, const Canvas& canvas, const std::string& path) {
  auto whole = Rasterizer(canvas)(region, path);
  return canvas.view ? part_of(whole, canvas.height, canvas.width, *canvas.view) : whole;
}

Mask part_of(const Mask& mask, int picture_height, int picture_width, const PixelBox& part) {
  const double down = static_cast<double>(mask.height) / picture_height;
  const double across = static_cast<double>(mask.width) / picture_width;
  return area_mean(mask, {part.top * down, (part.top + part.height) * down},
                   {part.left * across, (part.left + part.width) * across});
}

size_t raster_cells(const Canvas& canvas) {
  return Rasterizer(canvas).cells();
}

bool is_live(const Region& region) {
  return region.shape == Shape::attention || std::any_of(region.parts.begin(), region.parts.end(), is_live);
}

Mask resample(const Mask& mask, int height, int width) {
  auto out = area_mean(mask, height, width);
  for (auto& v : out.values) {
    // First to 2^-36: rounding errors of mirrored sums must not fall to different sides of a tie.
    const double settled = std::nearbyint(v * 0x1p36) * 0x1p-36;
    v = std::floor(settled * 65536 + 0.5) / 65536;
  }
  return out;
}

}  // namespace corepulse::control
