#pragma once
// "Did you mean ...?": a list of valid names and the nearest of them, for error messages.

#include <string>
#include <string_view>
#include <vector>

namespace corepulse {

/** "valid: a, b, c" with " (did you mean b?)" when one is near. */
std::string choices(std::string_view given, const std::vector<std::string>& valid);

}  // namespace corepulse
