#pragma once
// A part of the picture, as a value: shapes, gradients and pictures, combined like numbers.
//
//   auto left = corepulse::rectangle(0, 0, 0.5, 1).feather(0.05);
//   auto ring = corepulse::circle(0.5, 0.5, 0.3) - corepulse::circle(0.5, 0.5, 0.2);
//   auto sky  = corepulse::picture("sky.png").blur(0.01) * !left;
//
// Every pixel gets a value of 0 (outside) to 1 (inside). x grows to the right, y down, (0, 0) is the top left corner.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corepulse {

/** What lengths are measured in. */
enum class LengthUnit {
  /** x of the width, y of the height; radius, blur and feather of the shorter side. */
  fraction,
  pixel  ///< Pixels of the finished picture.
};

/** Where a picture file keeps the mask. */
enum class PictureChannel { luminance, alpha };

/** A part of the picture. Plain data; the functions below make it. */
struct Region {
  enum class Shape {
    rectangle,
    circle,
    ellipse,
    polygon,  // 1 inside, 0 outside, partial pixels by area
    linear,
    radial,     // gradients
    picture,    // a file, stretched over the whole picture
    attention,  // where words are looked at, as far as the run has come
    add,
    subtract,
    multiply  // of `parts`, clamped to 0..1
  };
  using Point = std::pair<double, double>;  // x, y

  Shape shape = Shape::rectangle;
  LengthUnit unit = LengthUnit::fraction;
  /**
   * rectangle: left top corner, (width, height). circle, radial: center. ellipse: center, (x radius, y radius). linear:
   * start, end. polygon: the corners; its edges may cross, windings add.
   */
  std::vector<Point> points;
  double radius = 0;                       ///< circle, radial.
  std::pair<double, double> values{0, 1};  ///< linear: at start, end. radial: at center, radius. Each 0..1.
  std::string file;                        ///< picture: PNG, JPEG or WebP; or
  std::string data;                        ///< such a file itself, in base64.
  std::string sha256;                      ///< picture: of the file, checked when it is read; "": unknown.
  PictureChannel channel = PictureChannel::luminance;
  std::string phrase;         ///< attention: the words, as Tokens has them,
  int occurrence = 0;         ///< 0: all;
  std::string where;          ///< the cross-attention layers that say it, "": all;
  std::optional<int> image;   ///< whose map, an index in the batch, absent: the image's own;
  double threshold = 0.3;     ///< 0..1: how much of the map's largest value is inside.
  std::vector<Region> parts;  ///< add, subtract (all others from the first), multiply.

  // Then, in this order:
  double feather_width = 0;  ///< Edges become linear ramps this wide (a moving average).
  double blur_sigma = 0;     ///< Gaussian blur.
  bool inverted = false;     ///< 1 - value.

  bool operator==(const Region&) const = default;

  // Fluent: each returns a changed copy.
  Region feather(double width) const;
  Region blur(double sigma) const;
  Region pixels() const;  ///< All lengths of this shape and its parts are pixels.
  Region operator!() const;
};

Region rectangle(double x, double y, double width, double height);
Region circle(double x, double y, double radius);
Region ellipse(double x, double y, double x_radius, double y_radius);
Region polygon(std::vector<Region::Point> corners);
/** From value `a` at the first point to `b` at the second, constant beyond. */
Region linear_gradient(Region::Point from, Region::Point to, double a = 0, double b = 1);
Region radial_gradient(Region::Point center, double radius, double inner = 1, double outer = 0);
Region picture(std::string file, PictureChannel channel = PictureChannel::luminance);
/**
 * 1 where the steps before looked at the words at least `threshold` times as much as where they did most, 0 elsewhere;
 * in the first step 1 everywhere. Another mask in each step: of controls alone that attention obeys, and of blend.
 */
Region looked_at(std::string phrase, double threshold = 0.3);

Region operator+(const Region& a, const Region& b);  ///< min(1, a + b)
Region operator-(const Region& a, const Region& b);  ///< max(0, a - b)
Region operator*(const Region& a, const Region& b);

/**
 * The short form of the command line: "left half", "center circle", "rect 0,0,0.5,1 feather 0.05", "circle
 * 0.5,0.5,0.3", "picture mask.png alpha", "not circle 0.5,0.5,0.3". Grammar: docs/control.md.
 * @throws Error{invalid_request} pointing at the position.
 */
Region parse_region(std::string_view text);

}  // namespace corepulse
