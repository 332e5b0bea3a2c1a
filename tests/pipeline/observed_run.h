#pragma once
// A run that is watched from inside: its latents after every step, and what its attention layers really read.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "corepulse/recipe.h"

namespace corepulse::test {

struct ObservedRun {
  /** One model call: which attention layers (paths) were asked, and which of them read anything but their own source.
   */
  struct Call {
    int step = 0;
    double t = 0, sigma = 0, guidance = 0;
    bool first = true;
    std::map<std::string, int> asked;
    std::set<std::string> changed;
    bool plain_step = true;  ///< Guidance, negative prompt, pooled vector and sizes are the request's.
  };
  std::vector<Call> calls;
  std::vector<std::vector<float>> latents;  ///< After each step, the whole batch.
  std::string explanation;                  ///< explain_json of the same program.
};

/** @param elide false: what changes nothing takes the long way, too. @throws Error like a run. */
ObservedRun observed_run(const std::string& family, const Recipe& recipe, bool elide = true);

}  // namespace corepulse::test
