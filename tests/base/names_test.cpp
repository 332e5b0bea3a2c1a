// "Did you mean ...?"

#include "base/names.h"

#include <doctest/doctest.h>

#include "corepulse/nearest_name.h"

using namespace corepulse;

TEST_CASE("the nearest name is the one with the fewest changed letters") {
  CHECK(nearest_name("oiler", {"heun", "euler", "ddim"}) == "euler");
  CHECK(nearest_name("euler", {"euler_a", "euler"}) == "euler");
  CHECK(nearest_name("strenght", {"scale", "strength"}) == "strength");
}

TEST_CASE("what resembles nothing gets no suggestion") {
  CHECK(nearest_name("zzzzzzzz", {"euler", "heun"}).empty());
  CHECK(nearest_name("", {"euler"}).empty());
  CHECK(nearest_name("euler", {}).empty());
}

TEST_CASE("a message lists all choices and suggests only what is near") {
  CHECK(choices("oiler", {"heun", "euler"}) == "valid: heun, euler (did you mean euler?)");
  CHECK(choices("zzzzzzzz", {"heun", "euler"}) == "valid: heun, euler");
  CHECK(choices("zzzzzzzz", {"heun", "euler", "heun"}) == "valid: heun, euler");
}

TEST_CASE("a hostile name of a million letters costs nothing") {
  CHECK(nearest_name(std::string(1'000'000, 'x'), {"euler"}).empty());
}
