// What bfloat16 or 8-bit weights cost in accuracy and save in time: the built-in model's pictures in float32 and so,
// one after the other from the same recipes.
//   precision_bench [--dtype bf16|int8] [pictures = 8] [steps = 20]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "corepulse/pipeline.h"

#include "../tests/support/psnr.h"

namespace corepulse {
namespace {

Recipe recipe_of(int i, int steps) {
  const std::vector<std::string> things{"cat", "dog", "dragon", "car", "house", "tree", "bird"};
  const std::vector<std::string> places{"in a park", "on the beach", "in the snow", "in a city", "at night"};
  Recipe recipe;
  recipe.prompt = "a " + things[size_t(i) % things.size()] + " " + places[size_t(i) / things.size() % places.size()];
  recipe.seeds = {static_cast<uint64_t>(i)};
  recipe.steps = steps;
  return recipe;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void run(bool int8, int pictures, int steps) {
  const auto exact = Pipeline::load({}, {.dtype = ComputeType::float32});
  const auto rounded = Pipeline::load({}, {.dtype = int8 ? ComputeType::int8 : ComputeType::bfloat16});
  std::vector<double> quality, steps32, steps16, decode32, decode16;
  for (int i = 0; i < pictures; ++i) {
    const auto recipe = recipe_of(i, steps);
    const auto a = exact.generate({recipe, {}, true}), b = rounded.generate({recipe, {}, true});
    quality.push_back(test::psnr(a.images[0], b.images[0]));
    steps32.push_back(a.seconds_steps), steps16.push_back(b.seconds_steps);
    decode32.push_back(a.seconds_decode), decode16.push_back(b.seconds_decode);
    std::printf("%-28s seed %2d %6.1f dB\n", recipe.prompt.c_str(), i, quality.back());
    std::fflush(stdout);
  }
  std::sort(quality.begin(), quality.end());
  std::printf("\n%d pictures of %d steps, %s against float32: PSNR lowest %.1f, a tenth below %.1f, median %.1f dB\n",
              pictures, steps, int8 ? "int8" : "bfloat16", quality.front(), quality[quality.size() / 10],
              median(quality));
  std::printf("seconds, medians: steps %.2f and %.2f (%.2fx), decode %.2f and %.2f (%.2fx)\n", median(steps32),
              median(steps16), median(steps32) / median(steps16), median(decode32), median(decode16),
              median(decode32) / median(decode16));
}

}  // namespace
}  // namespace corepulse

int main(int argc, char** argv) {
  bool int8 = false;
  if (argc > 2 && std::strcmp(argv[1], "--dtype") == 0) {
    int8 = std::strcmp(argv[2], "int8") == 0;
    argc -= 2, argv += 2;
  }
  const int pictures = argc > 1 ? std::atoi(argv[1]) : 8, steps = argc > 2 ? std::atoi(argv[2]) : 20;
  corepulse::run(int8, std::max(pictures, 1), std::max(steps, 1));
}
