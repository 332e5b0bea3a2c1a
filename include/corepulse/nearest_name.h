#pragma once
// What somebody may have meant who misspelled a name, as the library's own errors say it.
//
//   const auto meant = corepulse::nearest_name("stpes", {"steps", "seed"});  // "steps"

#include <string>
#include <string_view>
#include <vector>

namespace corepulse {

/** The valid name with the smallest edit distance, or "" when nothing is near (distance > half its length). */
std::string nearest_name(std::string_view given, const std::vector<std::string>& valid);

}  // namespace corepulse
