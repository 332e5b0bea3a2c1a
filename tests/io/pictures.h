#pragma once
// Pictures for the tests.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "corepulse/image.h"

#include "support.h"
#include "support/places.h"

namespace corepulse::test {

/** Smooth colours, so that lossy formats come close. */
inline Image gradient(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.pixels.push_back(static_cast<uint8_t>(128 + 100 * std::sin(0.07 * (x + 2 * c)) * std::cos(0.05 * y)));
  return image;
}

/** The largest difference between two pictures; 256 if their sizes differ. */
inline int difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.pixels.size() != b.pixels.size()) return 256;
  int most = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) most = std::max(most, std::abs(a.pixels[i] - b.pixels[i]));
  return most;
}

inline fs::path golden(const std::string& name) {
  return fs::path(test::golden_folder()) / "pictures" / name;
}

/** What a golden picture shows: FILE.rgb beside it. */
inline Image expected(const std::string& name) {
  const std::string bytes = get(golden(name + ".rgb"));
  REQUIRE(bytes.size() > 8);
  Image image;
  std::memcpy(&image.width, bytes.data(), 4);
  std::memcpy(&image.height, bytes.data() + 4, 4);
  image.pixels.assign(bytes.begin() + 8, bytes.end());
  return image;
}

}  // namespace corepulse::test
