// look PICTURE...: what the judge (models/judge) sees in pictures of 256x256, a line of JSON each.
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "corepulse/error.h"
#include "corepulse/image.h"

#include "judge.h"

using namespace corepulse;

namespace {

/** How colourful columns [from, to) are: the mean of the largest less the smallest of red, green and blue, 0..255. */
double colorfulness(const Image& image, int from, int to) {
  double sum = 0;
  for (int y = 0; y < image.height; ++y)
    for (int x = from; x < to; ++x) {
      const auto* p = &image.pixels[(size_t(y) * image.width + x) * 3];
      sum += std::max({p[0], p[1], p[2]}) - std::min({p[0], p[1], p[2]});
    }
  return sum / (double(image.height) * (to - from));
}

}  // namespace

int main(int count, char** files) {
  try {
    const efficacy::Judge judge(COREPULSE_JUDGE);
    for (int i = 1; i < count; ++i) {
      const auto image = load_image(files[i]);
      const auto seen = judge({image}).at(0);
      const int middle = image.width / 2;
      fmt::print("{{\"cells\": [{}], \"tints\": [{}], \"scene\": {}, \"look\": {}, \"colorful\": [{}, {}]}}\n",
                 fmt::join(seen.cell, ", "), fmt::join(seen.tint, ", "), seen.scene, int(seen.look),
                 colorfulness(image, 0, middle), colorfulness(image, middle, image.width));
    }
    return 0;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return exit_status(error.code());
  }
}
