#pragma once
// "Did you mean ...?": the nearest of a list of valid names, for error messages.

#include <string>
#include <string_view>
#include <vector>

namespace corepulse {

/** The valid name with the smallest edit distance, or "" when nothing is near (distance > half its
 * length). */
std::string nearest_name(std::string_view given, const std::vector<std::string>& valid);

/** "valid: a, b, c" with " (did you mean b?)" when one is near. */
std::string choices(std::string_view given, const std::vector<std::string>& valid);

}  // namespace corepulse
