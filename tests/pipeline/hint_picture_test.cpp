// What a side network is shown: the picture at the run's size, and prepared.
#include "pipeline/guide/hint_picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <set>
#include <tuple>

#include "picture_file.h"
#include "pipeline/guide/edges.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

Image ramp(int width, int height) {
  Image image{width, height, {}, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const int v : {255 * x / width, 255 * y / height, (x + y) % 256})
        image.pixels.push_back(static_cast<uint8_t>(v));
  return image;
}

pipeline::HintPicture prepared(const Image& image, ControlNet net, const pipeline::HintCanvas& canvas) {
  net.picture = "x.png";
  return pipeline::hint_picture(image, net, canvas, -1, "controls[0]");
}

float at(const pipeline::HintPicture& picture, int x, int y, int c) {
  return picture.values[(static_cast<size_t>(y) * picture.width + x) * 3 + c];
}

}  // namespace

TEST_CASE("edges are OpenCV's, pixel by pixel") {
  const Golden golden("canny");
  for (int n = 0; n < 2; ++n)
    for (const auto& [low, high, name] : {std::tuple{100., 200., "100_200"}, std::tuple{50., 50., "50_50"},
                                          std::tuple{20.5, 300., "20.5_300"}, std::tuple{0., 600., "0_600"}}) {
      CAPTURE(n);
      CAPTURE(name);
      const auto found = pipeline::canny(golden_picture(golden, fmt::format("{}/picture", n)), low, high);
      const auto& wanted = golden.view(fmt::format("{}/{}", n, name));
      REQUIRE(found.size() == wanted.bytes);
      CHECK(std::equal(found.begin(), found.end(), reinterpret_cast<const uint8_t*>(wanted.data)));
    }
}

TEST_CASE("a picture of the run's size is shown as it is, or as its negative") {
  const auto image = ramp(24, 16);
  const auto plain = prepared(image, {}, {24, 16});
  const auto negative = prepared(image, {.prepare = ControlNet::Prepare::invert}, {24, 16});
  REQUIRE(plain.values.size() == image.pixels.size());
  for (size_t i = 0; i < plain.values.size(); ++i) {
    CHECK(plain.values[i] == static_cast<float>(image.pixels[i]) / 255);
    CHECK(negative.values[i] == static_cast<float>(255 - image.pixels[i]) / 255);
  }
}

TEST_CASE("blur and tile keep what is even, shuffle keeps the pixels, by its seed") {
  Image even{24, 16, std::vector<uint8_t>(size_t{24} * 16 * 3, 90), {}};
  for (const auto how : {ControlNet::Prepare::blur, ControlNet::Prepare::tile, ControlNet::Prepare::shuffle})
    for (const float v : prepared(even, {.prepare = how}, {24, 16}).values) CHECK(v == doctest::Approx(90. / 255));
  const auto image = ramp(48, 32);
  const auto mixed = prepared(image, {.prepare = ControlNet::Prepare::shuffle, .seed = 1}, {48, 32});
  const auto plain = prepared(image, {}, {48, 32});
  std::set<std::array<float, 3>> pixels;
  for (size_t i = 0; i < plain.values.size(); i += 3)
    pixels.insert({plain.values[i], plain.values[i + 1], plain.values[i + 2]});
  for (size_t i = 0; i < mixed.values.size(); i += 3)
    CHECK(pixels.contains({mixed.values[i], mixed.values[i + 1], mixed.values[i + 2]}));
  CHECK(mixed.values == prepared(image, {.prepare = ControlNet::Prepare::shuffle, .seed = 1}, {48, 32}).values);
  CHECK(mixed.values != prepared(image, {.prepare = ControlNet::Prepare::shuffle, .seed = 2}, {48, 32}).values);
  const auto soft = prepared(image, {.prepare = ControlNet::Prepare::blur, .amount = 3}, {48, 32});
  CHECK(std::abs(at(soft, 24, 16, 0) - at(plain, 24, 16, 0)) < 0.02);
  CHECK(at(soft, 0, 16, 0) > at(plain, 0, 16, 0));
}

TEST_CASE("what is to be drawn is marked inside the mask alone") {
  const auto image = ramp(32, 16);
  pipeline::MaskPictures masks;
  const auto marked = prepared(image, {.prepare = ControlNet::Prepare::mask, .mask = rectangle(0.5, 0, 1, 1)},
                               {32, 16, nullptr, &masks});
  for (int y = 0; y < 16; ++y)
    for (int x = 0; x < 32; ++x) CHECK((at(marked, x, y, 0) == -1) == (x >= 16));
}

TEST_CASE("where a run draws a part of a picture, the same part is shown") {
  const pipeline::Surroundings around{{64, 48, {}, {}}, {16, 8, 32, 24}};
  const auto image = ramp(64, 48);
  const auto part = prepared(image, {}, {32, 24, &around});
  for (int y = 0; y < 24; ++y)
    for (int x = 0; x < 32; ++x)
      for (int c = 0; c < 3; ++c)
        CHECK(at(part, x, y, c) ==
              static_cast<float>(image.pixels[(static_cast<size_t>(y + 8) * 64 + x + 16) * 3 + c]) / 255);
}
