#pragma once
// Text and numbers of unknown origin inside error messages.

#include <string>
#include <string_view>

namespace corepulse::control {

/** The text in double quotes, control characters as \xNN, cut after about 80 bytes. */
std::string quote(std::string_view text);

/** Shortest decimal form; "inf", "nan". */
std::string number(double value);

}  // namespace corepulse::control
