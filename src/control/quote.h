#pragma once
// What error messages of recipes are made of.

#include <string>
#include <string_view>
#include <vector>

namespace corepulse::control {

/** The text in double quotes, control characters as \xNN, cut after about 80 bytes. */
std::string quote(std::string_view text);

/** "a reweight", "an inject". */
std::string with_article(std::string_view word);

/** Rising numbers: "0..4, 7". */
std::string ranges(const std::vector<int>& numbers);

/** Shortest decimal form; "inf", "nan". */
std::string number(double value);

/** Throws Error{invalid_request}: "[controls[2].strength] message"; [recipe] if the path is empty. */
[[noreturn]] void refuse(const std::string& path, const std::string& message);

}  // namespace corepulse::control
