// The fluent half of corepulse/region.h.
#include "corepulse/region.h"

namespace corepulse {
namespace {

Region combine(Region::Shape shape, const Region& a, const Region& b) {
  Region out{.shape = shape};
  // A chain of the same combination stays flat: a + b + c is one `add` of three parts.
  const bool chain = a.shape == shape && a.feather_width == 0 && a.blur_sigma == 0 && !a.inverted;
  if (chain)
    out.parts = a.parts;
  else
    out.parts = {a};
  out.parts.push_back(b);
  return out;
}

}  // namespace

Region Region::feather(double width) const {
  auto out = *this;
  out.feather_width = width;
  return out;
}

Region Region::blur(double sigma) const {
  auto out = *this;
  out.blur_sigma = sigma;
  return out;
}

Region Region::pixels() const {
  auto out = *this;
  out.unit = LengthUnit::pixel;
  for (auto& part : out.parts) part = part.pixels();
  return out;
}

Region Region::operator!() const {
  auto out = *this;
  out.inverted = !inverted;
  return out;
}

Region rectangle(double x, double y, double width, double height) {
  return {.shape = Region::Shape::rectangle, .points = {{x, y}, {width, height}}};
}

Region circle(double x, double y, double radius) {
  return {.shape = Region::Shape::circle, .points = {{x, y}}, .radius = radius};
}

Region ellipse(double x, double y, double x_radius, double y_radius) {
  return {.shape = Region::Shape::ellipse, .points = {{x, y}, {x_radius, y_radius}}};
}

Region polygon(std::vector<Region::Point> corners) {
  return {.shape = Region::Shape::polygon, .points = std::move(corners)};
}

Region linear_gradient(Region::Point from, Region::Point to, double a, double b) {
  return {.shape = Region::Shape::linear, .points = {from, to}, .values = {a, b}};
}

Region radial_gradient(Region::Point center, double radius, double inner, double outer) {
  return {.shape = Region::Shape::radial, .points = {center}, .radius = radius, .values = {inner, outer}};
}

Region picture(std::string file, PictureChannel channel) {
  return {.shape = Region::Shape::picture, .file = std::move(file), .channel = channel};
}

Region looked_at(std::string phrase, double threshold) {
  return {.shape = Region::Shape::attention, .phrase = std::move(phrase), .threshold = threshold};
}

Region operator+(const Region& a, const Region& b) {
  return combine(Region::Shape::add, a, b);
}
Region operator-(const Region& a, const Region& b) {
  return combine(Region::Shape::subtract, a, b);
}
Region operator*(const Region& a, const Region& b) {
  return combine(Region::Shape::multiply, a, b);
}

}  // namespace corepulse
