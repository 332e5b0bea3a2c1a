// look PICTURE...: what the judge (models/judge) sees in pictures of 256x256, a line of JSON each.
#include <cstdio>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "corepulse/error.h"
#include "corepulse/image.h"

#include "judge.h"

using namespace corepulse;

int main(int count, char** files) {
  try {
    const efficacy::Judge judge(COREPULSE_JUDGE);
    for (int i = 1; i < count; ++i) {
      const auto seen = judge({load_image(files[i])}).at(0);
      fmt::print("{{\"cells\": [{}], \"tints\": [{}], \"scene\": {}, \"look\": {}}}\n", fmt::join(seen.cell, ", "),
                 fmt::join(seen.tint, ", "), seen.scene, int(seen.look));
    }
    return 0;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return exit_status(error.code());
  }
}
