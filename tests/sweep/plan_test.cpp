// What cells are compared with: the same without its controls.

#include "sweep/plan.h"

#include <doctest/doctest.h>

#include "sweep/support.h"

using namespace corepulse;
using namespace corepulse::sweep;

namespace {

Sweep with_loras(const char* axis) {
  return {R"({"version": 1, "prompt": "a cat", "controls": [{"kind": "inject", "prompt": "a dragon"},
    {"kind": "lora", "file": "style.safetensors"}, {"kind": "lora", "file": "other.safetensors"}]})",
          {parse_sweep_axis(axis)},
          ""};
}

}  // namespace

TEST_CASE("LoRAs that no axis changes are in the plain pictures, too") {
  const Plan plan(with_loras("controls[2].strength=0.5,1"));
  REQUIRE(plan.plain.size() == 1);
  REQUIRE(plan.plain[0].controls.size() == 1);
  CHECK(std::get<Lora>(plan.plain[0].controls[0].effect).file == "style.safetensors");
  CHECK(Plan(with_loras("controls[0].strength=0.5,1")).plain[0].controls.size() == 2);
}

TEST_CASE("a cell with nothing but LoRAs that all have is compared with nothing") {
  const Plan plan(
      Sweep{R"({"version": 1, "prompt": "a cat", "controls": [{"kind": "lora", "file": "style.safetensors"}]})",
            {parse_sweep_axis("seed=1,2")},
            ""});
  CHECK(plan.plain.empty());
  CHECK_FALSE(plan.plain_of[0]);
}
