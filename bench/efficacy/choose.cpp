#include "choose.h"

#include <algorithm>

#include "questions.h"

namespace corepulse::efficacy {

std::vector<std::string> ranking(const Facts& facts, const std::string& suite) {
  const Query query(facts, suite, false);
  const double asked = Query(facts, "inject", false).rate("asked plainly", shows_to).value();
  std::vector<std::pair<double, std::string>> scored;
  for (const auto& name : query.variants()) {
    if (name == "plain" || name == "asked plainly" || name.rfind("CorePulse", 0) == 0) continue;
    double score = 0;
    if (suite == "inject" || suite == "region") {
      score = query.rate(name, shows_to).value();
      if (score >= 0.95 * asked) score = 1 + query.mean(name, &Fact::outside);
    } else {
      score =
          query.rate(name, suite == "places"          ? both_placed
                           : suite == "mask a colour" ? masked_color
                                                      : masked_object)
              .value();
    }
    scored.push_back({score, name});
  }
  std::stable_sort(scored.begin(), scored.end(), [](auto& a, auto& b) { return a.first > b.first; });
  std::vector<std::string> names;
  for (auto& [score, name] : scored) names.push_back(std::move(name));
  return names;
}

}  // namespace corepulse::efficacy
