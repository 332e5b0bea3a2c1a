// Which models stay in memory.
#include "jobs/models.h"

#include <doctest/doctest.h>
#include <filesystem>

#include "corepulse/error.h"
#include "corepulse/request.h"

#include "support/places.h"

using namespace corepulse;
using namespace corepulse::server;

namespace {

constexpr uint64_t kMuch = uint64_t{1} << 30;

Recipe of(const char* model) {
  Recipe recipe;
  recipe.model = test::golden_folder() + "/models/" + model;
  return recipe;
}

bool yes() {
  return true;
}

bool no() {
  return false;
}

const Recipe kOne = of("sd1"), kOther = of("sd2"), kThird = of("inpaint");

}  // namespace

TEST_CASE("models are loaded on demand, and the one used longest ago goes first") {
  Models all(kMuch, LoadOptions::Device::automatic);
  CHECK(all.count() == 0);
  for (const auto* recipe : {&kOne, &kOther, &kThird, &kOne}) (void)all.get(*recipe);
  CHECK(all.count() == 3);
  Models two(all.bytes() - 1, LoadOptions::Device::automatic);
  for (const auto* recipe : {&kOne, &kOther, &kOne, &kThird}) (void)two.get(*recipe);
  CHECK(two.is_loaded(kOne.model));
  CHECK_FALSE(two.is_loaded(kOther.model));
  CHECK(two.is_loaded(kThird.model));
  Models alone(1, LoadOptions::Device::automatic);
  for (const auto* recipe : {&kOne, &kOther}) (void)alone.get(*recipe);
  CHECK(alone.count() == 1);
  CHECK(alone.is_loaded(kOther.model));
}

TEST_CASE("a refiner and a ControlNet count beside their model, and make room like one") {
  Models models(kMuch, LoadOptions::Device::automatic);
  (void)models.get(kOne);
  const auto own = models.bytes();
  auto refined = kOne;
  refined.refiner = Refiner{.model = kThird.model};
  (void)models.get(refined);
  const auto with_refiner = models.bytes();
  CHECK(with_refiner > own);
  (void)models.get(kOne);  // it stays
  CHECK(models.bytes() == with_refiner);
  auto guided = kOne;
  const auto file = test::golden_folder() + "/controlnets/sd1.safetensors";
  guided.controls = {controlnet(file, "picture.png")};
  (void)models.get(guided);
  CHECK(models.bytes() == with_refiner + std::filesystem::file_size(file));
  (void)models.get(kOne);
  CHECK(models.bytes() == with_refiner);

  (void)models.get(kOther);
  Models two(models.bytes() - (with_refiner - own), LoadOptions::Device::automatic);
  for (const auto* recipe : {&kOther, &kOne}) (void)two.get(*recipe);
  CHECK(two.count() == 2);
  (void)two.get(refined);
  CHECK(two.count() == 1);
  CHECK(two.is_loaded(kOne.model));
}

TEST_CASE("where memory runs out the other models are given back, and it is drawn once more") {
  Models models(kMuch, LoadOptions::Device::automatic);
  int calls = 0;
  const auto fails = [&](int times) {
    return [&calls, times](const Pipeline&) -> Result {
      if (++calls <= times) throw Error(ErrorCode::out_of_memory, "[memory] none");
      return {};
    };
  };
  for (const auto* recipe : {&kOne, &kOther}) (void)models.get(*recipe);
  (void)models.run(kOne, fails(1), yes);
  CHECK(calls == 2);
  CHECK(models.count() == 1);
  CHECK(models.is_loaded(kOne.model));
  // Alone, or where it cannot be repeated, there is nothing to try.
  calls = 0;
  CHECK_THROWS_AS((void)models.run(kOne, fails(9), yes), Error);
  CHECK(calls == 1);
  (void)models.get(kOther);
  CHECK_THROWS_AS((void)models.run(kOne, fails(9), no), Error);
  CHECK(calls == 2);
  CHECK(models.count() == 2);
  // Once, not for ever; and another error changes nothing.
  CHECK_THROWS_AS((void)models.run(kOne, fails(9), yes), Error);
  CHECK(calls == 4);
  (void)models.get(kOther);
  const auto wrong = [](const Pipeline&) -> Result { throw Error(ErrorCode::internal, "[x] y"); };
  CHECK_THROWS_AS((void)models.run(kOne, wrong, yes), Error);
  CHECK(models.count() == 2);
}
