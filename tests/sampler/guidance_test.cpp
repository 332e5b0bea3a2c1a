// What shapes guidance, on arrays: as Diffusers' guiders compute it, or as the formulas of its authors' code do
// (tests/golden/make_guidance_goldens.py).
#include "sampler/guidance/guidance.h"

#include <doctest/doctest.h>
#include <map>

#include "goldens.h"
#include "io/json.h"
#include "sampler/guidance/grid.h"
#include "sampler/step.h"
#include "support/golden.h"

namespace corepulse::sampler {
namespace {

constexpr double kTolerance = 2e-6;
const std::string kSizes[] = {"square", "wide"};

const test::Golden& golden() {
  static const test::Golden golden("guidance");
  return golden;
}

/** By case, the numbers that the goldens were made with. */
std::map<std::string, io::Json> cases(const std::string& name) {
  return io::parse_json(golden().metadata().at(name), name).get<std::map<std::string, io::Json>>();
}

double guidance() {
  return io::parse_json(golden().metadata().at("guidance"), "guidance").get<double>();
}

mx::array of(const std::string& size, const std::string& name) {
  return golden().nhwc(size + "/" + name);
}

/** u + guidance d. */
mx::array sum(const mx::array& u, const mx::array& d) {
  return u + times(guidance(), d);
}

TEST_CASE("CFG-Zero*, TCFG and rescaled guidance are Diffusers'") {
  for (const auto& size : kSizes) {
    CAPTURE(size);
    const auto c = of(size, "c"), u = of(size, "u");
    const auto scaled = zero_star(u, c, 1), tangent = tangential(u, c, 1);
    CHECK(relative_error(guide(scaled, c, guidance()), of(size, "zero_star")) < kTolerance);
    // Diffusers' singular vectors are themselves known to 1e-6.
    CHECK(relative_error(guide(tangent, c, guidance()), of(size, "tangential")) < 1e-5);
    CHECK(relative_error(rescale_guidance(guide(u, c, guidance()), c, 0.7), of(size, "rescaled")) < kTolerance);
    CHECK(relative_error(zero_star(u, c, 0.5), times(0.5, u + scaled)) < kTolerance);
    CHECK(relative_error(tangential(u, c, 0.5), times(0.5, u + tangent)) < kTolerance);
  }
}

TEST_CASE("TCFG without a first direction, and CFG-Zero* of nothing, leave what there is") {
  const auto c = mx::array({1.f, 0.f, 0.f, 0.f}, {1, 1, 2, 2}), u = mx::array({0.f, 1.f, 0.f, 0.f}, {1, 1, 2, 2});
  CHECK(mx::array_equal(tangential(u, c, 1), u).item<bool>());
  const auto none = mx::zeros_like(c);
  CHECK(mx::array_equal(tangential(none, none, 1), none).item<bool>());
  CHECK(mx::array_equal(zero_star(none, c, 1), none).item<bool>());
  CHECK(mx::array_equal(projected(none, none, 0, 5), none).item<bool>());
}

TEST_CASE("projected guidance is Diffusers', call after call") {
  for (const auto& size : kSizes)
    for (const auto& one : cases("apgs")) {
      const auto& name = one.first;
      const auto& given = one.second;
      CAPTURE(name);
      auto before = mx::array(0.f);
      for (int i = 0; i < 3; ++i) {
        const auto later = i ? "/" + std::to_string(i) : "";
        const auto c = of(size, "c" + later), u = of(size, "u" + later);
        before = c - u + times(given[2], before);
        const auto made = sum(u, projected(before, c, given[0], given[1]));
        CHECK(relative_error(made, of(size, "projected/" + name + "/" + std::to_string(i))) < kTolerance);
      }
    }
}

TEST_CASE("frequency-decoupled guidance is Diffusers', and one guidance for all frequencies is plain guidance") {
  for (const auto& size : kSizes) {
    const auto c = of(size, "c"), u = of(size, "u");
    for (const auto& one : cases("bands"))
      CHECK(relative_error(u + by_frequency(c - u, one.second[0], one.second[1]), of(size, "frequency/" + one.first)) <
            kTolerance);
    CHECK(relative_error(u + by_frequency(c - u, 5, 5), guide(u, c, 5)) < kTolerance);
  }
  const auto odd = mx::ones({1, 7, 1, 2});
  CHECK(relative_error(by_frequency(odd, 3, 8), times(3, odd)) < kTolerance);  // a plain has no fine parts
}

TEST_CASE("skimmed guidance is the node's") {
  for (const auto& size : kSizes)
    for (const auto& one : cases("skims")) {
      const auto& name = one.first;
      const auto& given = one.second;
      CAPTURE(name);
      const auto c = of(size, "c"), u = of(size, "u");
      const auto made = skimmed({u, c}, {u, c}, of(size, "x"), {guidance(), given[0], given[1], given[2]});
      CHECK(relative_error(guide(made.first, made.second, guidance()), of(size, "skimmed/" + name)) < kTolerance);
    }
}

TEST_CASE("dynamic thresholding is its authors'") {
  for (const auto& size : kSizes)
    for (const auto& one : cases("thresholds")) {
      const auto& name = one.first;
      const auto& given = one.second;
      CAPTURE(name);
      const auto c = of(size, "c"), u = of(size, "u");
      const auto made = thresholded(guide(u, c, guidance()), guide(u, c, given[0]), given[1], given[2]);
      CHECK(relative_error(made, of(size, "thresholded/" + name)) < kTolerance);
    }
}

TEST_CASE("a blur keeps a plain picture, at any size, and mirrors at the ends") {
  for (const auto& shape : {mx::Shape{1, 1, 1, 2}, mx::Shape{1, 2, 9, 1}, mx::Shape{2, 5, 3, 4}})
    CHECK(relative_error(gaussian_blur(mx::ones(shape), 2), mx::ones(shape)) < kTolerance);
  const auto line = blur(3, {0.25, 0.5, 0.25});
  CHECK(line.weights == std::vector<double>{0.5, 0.5, 0, 0.25, 0.5, 0.25, 0, 0.5, 0.5});
}

}  // namespace
}  // namespace corepulse::sampler
