// Regions: areas, mirrors, resampling at every grid and aspect.
#include <cmath>
#include <doctest/doctest.h>
#include <numbers>
#include <random>

#include "corepulse/error.h"

#include "control/region/filters.h"
#include "control/region/raster.h"

namespace corepulse::control::test {
namespace {

double mean(const Mask& mask) {
  double sum = 0;
  for (const double v : mask.values) sum += v;
  return sum / static_cast<double>(mask.values.size());
}

Mask drawn(const Region& region, int width = 512, int height = 512) {
  return rasterize(region, {height, width, {}}, "region");
}

std::string error(const Region& region) {
  try {
    drawn(region);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// The region seen in a mirror, for a picture of this size.
Region mirrored(Region r, double width) {
  const double full = r.unit == LengthUnit::pixel ? width : 1;
  if (r.shape == Region::Shape::rectangle)
    r.points[0].first = full - r.points[0].first - r.points[1].first;
  else if (r.shape == Region::Shape::circle || r.shape == Region::Shape::ellipse || r.shape == Region::Shape::radial)
    r.points[0].first = full - r.points[0].first;
  else
    for (auto& p : r.points) p.first = full - p.first;
  for (auto& part : r.parts) part = mirrored(part, width);
  return r;
}

Mask mirrored(const Mask& mask) {
  Mask out = mask;
  for (int y = 0; y < mask.height; ++y)
    for (int x = 0; x < mask.width; ++x) out.values[y * mask.width + x] = mask.values[(y + 1) * mask.width - 1 - x];
  return out;
}

// Shapes of every kind with odd numbers.
class Shapes {
 public:
  explicit Shapes(unsigned seed) : random_(seed) {}

  Region operator()(int depth = 0) {
    auto region = shape(depth);
    if (roll() < 0.3) region = region.feather(decimal(0.3));
    if (roll() < 0.2) region = region.blur(decimal(0.1));
    return roll() < 0.2 ? !region : region;
  }

 private:
  Region shape(int depth) {
    const auto x = [&] { return decimal(1.2) - 0.1; };
    switch (static_cast<int>(roll() * (depth < 2 ? 9 : 6))) {
      case 0:
        return rectangle(x(), x(), decimal(0.7), decimal(0.7));
      case 1:
        return circle(x(), x(), 0.05 + decimal(0.5));
      case 2:
        return ellipse(x(), x(), decimal(0.5), decimal(0.5));
      case 3:
        return polygon({{x(), x()}, {x(), x()}, {x(), x()}, {x(), x()}, {x(), x()}});
      case 4:
        return linear_gradient({x(), x()}, {x() + 0.01, x() + 1.5}, decimal(1), decimal(1));
      case 5:
        return radial_gradient({x(), x()}, 0.1 + decimal(0.8));
      case 6:
        return (*this)(depth + 1) + (*this)(depth + 1);
      case 7:
        return (*this)(depth + 1) - (*this)(depth + 1);
      default:
        return (*this)(depth + 1) * (*this)(depth + 1);
    }
  }
  double roll() { return std::uniform_real_distribution<>(0, 1)(random_); }
  // Two decimals, as people write them; often a multiple of 1/8, where rounding is decided by ties.
  double decimal(double most) {
    const double v = roll() * most;
    return roll() < 0.5 ? std::round(v * 8) / 8 : std::round(v * 100) / 100;
  }
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("shapes have their areas, at any aspect and size") {
  constexpr double pi = std::numbers::pi;
  CHECK(mean(drawn(rectangle(0.1, 0.2, 0.3, 0.4))) == doctest::Approx(0.12).epsilon(1e-12));
  CHECK(mean(drawn(rectangle(-1, 0.5, 3, 7), 768, 320)) == doctest::Approx(0.5).epsilon(1e-12));
  CHECK(mean(drawn(circle(0.5, 0.5, 0.3))) == doctest::Approx(pi * 0.09).epsilon(1e-6));
  // A circle stays round: its radius is of the shorter side.
  CHECK(mean(drawn(circle(0.5, 0.5, 0.3), 1024, 512)) == doctest::Approx(pi * 0.09 / 2).epsilon(1e-6));
  CHECK(mean(drawn(ellipse(0.4, 0.5, 0.3, 0.2), 640, 512)) == doctest::Approx(pi * 0.06).epsilon(1e-6));
  CHECK(mean(drawn(polygon({{0, 0}, {1, 0}, {0, 1}}))) == doctest::Approx(0.5).epsilon(1e-12));
  CHECK(mean(drawn(polygon({{0, 1}, {1, 0}, {0, 0}}))) == doctest::Approx(0.5).epsilon(1e-12));
  CHECK(mean(drawn(polygon({{-9, -9}, {9, -9}, {9, 9}, {-9, 9}}))) == doctest::Approx(1));
  CHECK(mean(drawn(rectangle(64, 0, 100.5, 512).pixels())) == doctest::Approx(100.5 / 512).epsilon(1e-12));
  CHECK(mean(drawn(linear_gradient({0, 0}, {1, 0}))) == doctest::Approx(0.5).epsilon(1e-9));
  CHECK(mean(drawn(radial_gradient({0.5, 0.5}, 0.5))) == doctest::Approx(pi / 12).epsilon(1e-4));
}

TEST_CASE("combinations clamp; invert, feather and blur keep what they should") {
  const auto a = rectangle(0, 0, 0.5, 1), b = rectangle(0.25, 0, 0.5, 1);
  CHECK(mean(drawn(a + b)) == doctest::Approx(0.75));
  CHECK(mean(drawn(a - b)) == doctest::Approx(0.25));
  CHECK(mean(drawn(a * b)) == doctest::Approx(0.25));
  CHECK(mean(drawn(!a)) == doctest::Approx(0.5));
  CHECK(mean(drawn(!(a - b))) == doctest::Approx(0.75));
  CHECK(mean(drawn(circle(0.5, 0.5, 0.2).feather(0.1))) == doctest::Approx(mean(drawn(circle(0.5, 0.5, 0.2)))));
  CHECK(mean(drawn(circle(0.5, 0.5, 0.2).blur(0.03))) == doctest::Approx(mean(drawn(circle(0.5, 0.5, 0.2)))));
  // A feather is a ramp of its width around the edge, none at the picture's border.
  const auto soft = drawn(a.feather(0.25), 64, 64);
  CHECK(soft.values[0] == 1);
  CHECK(soft.values[23] == 1);
  CHECK(soft.values[32] == doctest::Approx(0.5 - 0.5 / 16));
  CHECK(soft.values[40] == 0);
  // A blurred edge is a Gaussian's integral.
  const auto blurred = drawn(a.blur(0.05));
  for (const int x : {220, 240, 256, 270, 290}) {
    const double expected = 0.5 * std::erfc((x + 0.5 - 256) / (0.05 * 512 * std::sqrt(2)));
    CHECK(blurred.values[x] == doctest::Approx(expected).epsilon(0.02));
  }
}

TEST_CASE("resampling keeps the mean, ones stay ones and zeros stay zeros") {
  Shapes shapes(11);
  for (int i = 0; i < 40; ++i) {
    const auto mask = drawn(shapes(), 320 + 8 * i, 512);
    for (const auto& [h, w] : {std::pair{64, 40 + i}, {32, 21}, {16, 11}, {9, 7}, {1, 1}}) {
      const auto small = resample(mask, h, w);
      CHECK(mean(small) == doctest::Approx(mean(mask)).epsilon(1e-4).scale(1));
      const auto exact = area_mean(mask, h, w);
      for (size_t j = 0; j < small.values.size(); ++j) {
        const double v = small.values[j];
        REQUIRE(v >= 0);
        REQUIRE(v <= 1);
        REQUIRE(v * 65536 == std::floor(v * 65536));
        REQUIRE(std::abs(v - exact.values[j]) <= 0x1p-17 + 1e-10);
      }
    }
  }
  const auto ones = resample(drawn(!rectangle(2, 2, 1, 1), 600, 424), 53, 75);
  CHECK(std::all_of(ones.values.begin(), ones.values.end(), [](double v) { return v == 1; }));
  const auto half = resample(drawn(rectangle(0, 0, 0.5, 1)), 8, 8);
  for (int i = 0; i < 64; ++i) CHECK(half.values[i] == (i % 8 < 4 ? 1 : 0));
}

TEST_CASE("the token mask of a mirrored region is the mirrored token mask, bit for bit") {
  Shapes shapes(3);
  const std::pair<int, int> sizes[] = {{256, 256}, {384, 256}, {256, 384}, {320, 192}, {1000, 600}};
  for (int i = 0; i < 120; ++i) {
    const auto [width, height] = sizes[i % 5];
    const auto region = shapes();
    const auto mask = drawn(region, width, height);
    const auto mirror = drawn(mirrored(region, 1), width, height);
    CAPTURE(i);
    for (int level = 0; level < 4; ++level) {
      const int h = (height / 8 + (1 << level) - 1) >> level, w = (width / 8 + (1 << level) - 1) >> level;
      REQUIRE(resample(mirror, h, w) == mirrored(resample(mask, h, w)));
    }
  }
}

TEST_CASE("feathered corners that fall on a tie of rounding are mirrored, too") {
  std::mt19937 random(1);
  const auto decimal = [&] { return static_cast<double>(random() % 100) / 100; };
  for (int i = 0; i < 1500; ++i) {
    const double x = std::round(decimal() * 8) / 8, w = std::round(decimal() * 8) / 8;
    const auto region = rectangle(x, decimal(), w, decimal()).feather(decimal() * 0.3);
    const auto mask = drawn(region, 192, 128), mirror = drawn(mirrored(region, 1), 192, 128);
    for (const int size : {16, 8, 4}) REQUIRE(resample(mirror, size, size) == mirrored(resample(mask, size, size)));
  }
}

TEST_CASE("masks come from pictures, stretched over the whole picture") {
  const auto reader = [](const Region& region) {
    CHECK(region.file == "mask.png");
    MaskPicture picture{4, 2, {255, 255, 0, 0, 255, 255, 0, 0}};
    if (region.channel == PictureChannel::alpha) picture.values.assign(8, 51);
    return picture;
  };
  const auto mask = rasterize(picture("mask.png"), {256, 512, reader}, "region");
  CHECK(resample(mask, 4, 8).values[3] == 1);
  CHECK(resample(mask, 4, 8).values[4] == 0);
  CHECK(mean(mask) == doctest::Approx(0.5));
  const auto alpha = rasterize(picture("mask.png", PictureChannel::alpha), {256, 512, reader}, "region");
  CHECK(mean(alpha) == doctest::Approx(0.2));
  CHECK(error(picture("mask.png")).find("cannot be read here") != std::string::npos);
}

TEST_CASE("pictures of 20,000 pixels a side are drawn at a bounded size") {
  const auto mask = drawn(circle(0.5, 0.5, 0.25).feather(0.01), 20000, 20000);
  CHECK(mask.width == 625);
  CHECK(mask.height == 625);
  CHECK(mean(mask) == doctest::Approx(std::numbers::pi / 16).epsilon(1e-4));
}

TEST_CASE("regions that make no sense are errors") {
  CHECK(error(rectangle(0, 0, -0.5, 1)) == "[region] the number -0.5 of the rectangle; expected 0..1000000");
  CHECK_FALSE(error(rectangle(0, NAN, 1, 1)).empty());
  CHECK_FALSE(error(circle(0.5, 0.5, INFINITY)).empty());
  CHECK_FALSE(error(circle(1e300, 0.5, 0.2)).empty());
  CHECK(error(polygon({{0, 0}, {1, 1}})) == "[region] a polygon of 2 corners; expected 3..10000");
  CHECK_FALSE(error(polygon(std::vector<Region::Point>(10001))).empty());
  CHECK(error(linear_gradient({0.5, 0.5}, {0.5, 0.5})).find("to itself") != std::string::npos);
  CHECK_FALSE(error(radial_gradient({0, 0}, 0)).empty());
  CHECK_FALSE(error(linear_gradient({0, 0}, {1, 1}, 0, 2)).empty());
  CHECK_FALSE(error(rectangle(0, 0, 1, 1).blur(-1)).empty());
  CHECK_FALSE(error(Region{.shape = Region::Shape::add}).empty());
  CHECK_FALSE(error(Region{}).empty());
  auto deep = rectangle(0, 0, 1, 1);
  for (int i = 0; i < 40; ++i) deep = Region{.shape = Region::Shape::add, .parts = {deep}};
  CHECK(error(deep).find("nested deeper than 32") != std::string::npos);
}

TEST_CASE("huge polygons are drawn in bounded time") {
  std::mt19937 random(5);
  std::uniform_real_distribution<> far(-1e6, 1e6);
  std::vector<Region::Point> corners;
  for (int i = 0; i < 10000; ++i) corners.emplace_back(far(random), far(random));
  const auto mask = drawn(polygon(corners), 1024, 1024);
  CHECK(mask.values.size() == 512 * 512);
}

}  // namespace corepulse::control::test
