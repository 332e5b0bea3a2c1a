// Which control acts at which step, as explain tells it.
#include "jobs/acting.h"

#include <doctest/doctest.h>

using corepulse::server::Acting;
using corepulse::server::acting_of;

TEST_CASE("a control acts at the steps of its calls, on whichever of a run's models, and an edit from its step on") {
  const auto* told = R"({"calls": [{"step": 0}, {"step": 1}, {"step": 1}],
    "controls": [{"index": 0, "state": "acts", "calls": [0, 1, 2]}, {"index": 1, "state": "disabled"}],
    "edits": [{"step": 1, "program": {"calls": [{"step": 0}, {"step": 1}, {"step": 1}], "controls": []}}],
    "refiner": {"step": 2, "program": {"calls": [{"step": 2}],
      "controls": [{"index": 0, "state": "disabled"}, {"index": 1, "state": "acts", "calls": [0]}]}},
    "second_pass": {"program": {"calls": [{"step": 0}], "controls": [{"index": 0, "state": "acts", "calls": [0]}]},
      "refiner": {"step": 1, "program": {"calls": [{"step": 1}], "controls": []}}}})";
  const Acting expected{{{1, 1}, {0}}, {{1, 2}, {}}, {{1, 3}, {1}}, {{2, 1}, {0}}, {{2, 2}, {}}};
  CHECK(acting_of(told) == expected);
}
