// Heat maps as pictures and files.
#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <numbers>

#include "corepulse/heat_map.h"

#include "base/fail.h"
#include "io/tensors/npy.h"
#include "io/tensors/safetensors.h"
#include "pipeline/picture/resample.h"

namespace corepulse {
namespace {

using Color = std::array<double, 3>;  // sRGB, 0..255

double encoded(double linear) {
  const double c = std::clamp(linear, 0.0, 1.0);
  return 255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1 / 2.4) - 0.055);
}

/** OKLab (Ottosson 2020) with even lightness, the hue turning from violet over red to yellow. */
Color heat(double x) {
  const double lightness = 0.2 + 0.75 * x, hue = (300 + 165 * x) * std::numbers::pi / 180;
  const double chroma = 0.05 + 0.13 * std::sin(std::numbers::pi * std::min(1.0, 0.15 + 0.8 * x));
  const double a = chroma * std::cos(hue), b = chroma * std::sin(hue);
  const double l = std::pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
  const double m = std::pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
  const double s = std::pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
  return {encoded(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          encoded(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          encoded(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

void check(const HeatMap& map) {
  constexpr int kFarthest = 1 << 14;
  const auto near = [](int n) { return n >= -kFarthest && n <= kFarthest; };
  const auto placed = [&](const HeatMap::Part& p) {
    return near(p.left) && near(p.top) && near(p.width) && near(p.height) && p.width > 0 && p.height > 0;
  };
  const bool sized = map.width > 0 && map.height > 0 && map.values.size() == size_t{1} * map.width * map.height &&
                     (!map.part || placed(*map.part));
  if (!sized || !std::all_of(map.values.begin(), map.values.end(), [](float v) { return std::isfinite(v); }))
    fail(ErrorCode::invalid_request, "heat map",
         fmt::format("{} numbers for {}x{} cells; expected width x height finite ones", map.values.size(), map.width,
                     map.height));
}

}  // namespace

Image overlay(const HeatMap& map, const Image& picture, double opacity) {
  check(map);
  const auto pixels = size_t{1} * std::max(0, picture.width) * std::max(0, picture.height);
  if (pixels == 0 || picture.pixels.size() != pixels * 3 || !(opacity >= 0 && opacity <= 1))
    fail(ErrorCode::invalid_request, "overlay", "expected an RGB picture with all its pixels and an opacity of 0..1");
  const auto [low, high] = std::minmax_element(map.values.begin(), map.values.end());
  const double range = *high > *low ? double{*high} - *low : 1;
  const auto part = map.part.value_or(HeatMap::Part{0, 0, picture.width, picture.height});
  const auto values = pipeline::resample_linear({map.values.begin(), map.values.end()}, {map.height, map.width},
                                                {part.height, part.width});
  Image out = picture;
  for (int y = std::max(0, part.top); y < std::min(picture.height, part.top + part.height); ++y)
    for (int x = std::max(0, part.left); x < std::min(picture.width, part.left + part.width); ++x) {
      const double value = values[size_t(y - part.top) * part.width + x - part.left];
      const auto color = heat(std::clamp((value - *low) / range, 0.0, 1.0));
      const auto i = (size_t(y) * picture.width + x) * 3;
      for (int c = 0; c < 3; ++c)
        out.pixels[i + c] =
            static_cast<uint8_t>(std::lround((1 - opacity) * picture.pixels[i + c] + opacity * color[c]));
    }
  return out;
}

void save_heat_map(const HeatMap& map, const std::filesystem::path& file) {
  check(map);
  io::write_npy(file, {map.height, map.width}, map.values);
}

void save_heat_maps(const std::vector<HeatMap>& maps, const std::filesystem::path& file) {
  io::Tensors tensors;
  for (const auto& map : maps) {
    check(map);
    auto name = map.name;
    for (int n = 2; tensors.count(name) > 0; ++n) name = fmt::format("{}-{}", map.name, n);
    tensors[name] = {.shape = {map.height, map.width},
                     .data = reinterpret_cast<const std::byte*>(map.values.data()),
                     .bytes = map.values.size() * sizeof(float)};
  }
  io::write_safetensors(file, tensors);
}

}  // namespace corepulse
