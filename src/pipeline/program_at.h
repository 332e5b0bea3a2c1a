#pragma once
// Which program's captures and functions a plan's indices mean.

#include "control/timeline.h"

namespace corepulse::pipeline {

/** The program that holds at a step. */
inline const control::Program& program_at(const control::Timeline& control, int step) {
  const auto& programs = control.programs();
  size_t i = programs.size() - 1;
  while (i > 0 && programs[i].first > step) --i;
  return programs[i].second;
}

}  // namespace corepulse::pipeline
