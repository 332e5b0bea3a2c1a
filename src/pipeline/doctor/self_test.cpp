#include "pipeline/doctor/self_test.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "corepulse/control.h"

#include "base/fail.h"
#include "io/directories.h"
#include "pipeline/placement.h"

namespace corepulse::doctor {
namespace {

struct Bounds {
  const char* device_class;
  double latents, picture;
};

// Nearly five times what a class was measured to differ, or more: other processors sum in other orders.
constexpr Bounds kKnown[] = {
    {"cpu f32", 1e-3, 1},
    {"cpu bf16", 0.1, 8},
    {"cuda f16", 0.03, 3},  // an H200, whose float32 rounds products to TensorFloat-32
    {"cuda f32", 0.01, 1.3},
};
// No rounding of four steps comes here, but a wrong kernel does.
constexpr Bounds kTooFar{"", 0.5, 64};

Recipe recipe() {
  Recipe recipe;
  recipe.prompt = "a cat in a park";
  recipe.width = recipe.height = kSide;
  recipe.steps = 4;
  recipe.seeds = {7};
  recipe.guidance = 7.5;  // with these, bfloat16 draws the same picture; with others it may choose another
  // So that a layer gives some pixels one text and some another, with a bias on the logits: what control adds.
  recipe.controls = {inject("a dragon").within(rectangle(0, 0, 0.5, 1)), reweight("park", 0.5)};
  return recipe;
}

std::vector<float> mean_colours(const Image& image) {
  std::vector<float> sums(kParts * kParts * 3);
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x)
      for (int c = 0; c < 3; ++c)
        sums[((y / kPart) * kParts + x / kPart) * 3 + c] += image.pixels[(size_t(y) * kSide + x) * 3 + c];
  for (auto& sum : sums) sum /= kPart * kPart;
  return sums;
}

/** Infinite if a number is not finite, or there are fewer than expected. */
double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    largest = std::max(largest, std::abs(double(a[i]) - b[i]));
  }
  return largest;
}

double magnitude(const std::vector<float>& numbers) {
  double most = 0;
  for (const float number : numbers) most = std::max(most, std::abs(double(number)));
  return most;
}

}  // namespace

Numbers run_self_test(const LoadOptions& load, const std::shared_ptr<const std::atomic<bool>>& stop) {
  Request request;
  request.recipe = recipe();
  request.stop = stop;
  const auto result = Pipeline::load({}, load).generate(request);
  return {result.latents.at(0), mean_colours(result.images.at(0))};
}

SelfTest judge(const std::string& device_class, const Numbers& numbers) {
  const auto* known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                   [&](const Bounds& bounds) { return bounds.device_class == device_class; });
  const bool is_known = known != std::end(kKnown);
  const auto& bounds = is_known ? *known : kTooFar;
  const auto& stored = stored_numbers();
  SelfTest test{.device_class = device_class,
                .latents = largest_difference(numbers.latents, stored.latents) / magnitude(stored.latents),
                .picture = largest_difference(numbers.colours, stored.colours),
                .latents_bound = bounds.latents,
                .picture_bound = bounds.picture};
  if (!(test.latents <= test.latents_bound && test.picture <= test.picture_bound)) {
    test.verdict = SelfTest::Verdict::failed;
    test.message =
        "the picture is not the one that the built-in model draws: pictures of this device cannot be trusted, or the "
        "model's files are not those that came with the program";
  } else if (is_known) {
    test.verdict = SelfTest::Verdict::passed;
    test.message = "the picture is within the bounds set from measurements of this class";
  } else {
    test.message =
        fmt::format("the picture looks right, but no numbers are stored for {} yet: please report these", device_class);
  }
  return test;
}

bool concerns_caller(const Error& error) {
  return error.code() != ErrorCode::internal && error.code() != ErrorCode::out_of_memory;
}

SelfTest self_test(const LoadOptions& load, const std::shared_ptr<const std::atomic<bool>>& stop) {
  const pipeline::ComputeTarget placement(load);
  const auto device_class = placement.backend() + " " + placement.dtype_name();
  try {
    return judge(device_class, run_self_test(load, stop));
  } catch (const Error& error) {
    if (concerns_caller(error)) throw;
    const bool no_memory = error.code() == ErrorCode::out_of_memory;
    return {.verdict = no_memory ? SelfTest::Verdict::unknown : SelfTest::Verdict::failed,
            .device_class = device_class,
            .latents = INFINITY,
            .picture = INFINITY,
            .latents_bound = kTooFar.latents,
            .picture_bound = kTooFar.picture,
            .message = fmt::format("{}: {}", no_memory ? "there was not enough memory" : "the run ended with an error",
                                   io::without_home(error.what()))};
  }
}

}  // namespace corepulse::doctor
