#pragma once
// Which variant is best, by the tuning pairs alone.

#include <string>
#include <vector>

#include "facts.h"

namespace corepulse::efficacy {

/**
 * The variants of a suite, the best first, without the plain ones and CorePulse's. Inject and region: those that turn
 * the object at least 0.95 times as often as asking plainly draws it, by how much of the rest stays; then all others by
 * how often they turn it. Masks and places: by how often they succeed.
 */
std::vector<std::string> ranking(const Facts& facts, const std::string& suite);

}  // namespace corepulse::efficacy
