#pragma once
// Numbers in text, whatever the locale. std::from_chars would do, but Apple's libc++ has it for whole numbers only.

#include <cstddef>
#include <optional>
#include <string_view>

namespace corepulse {

struct LeadingNumber {
  double value;
  size_t length;  // characters it takes
};

/**
 * The number at the start of a text: "-12.5", "1.", ".5", "2e-3", "inf", "-Infinity". The nearest double, as
 * std::from_chars(const char*, const char*, double&) gives it; nothing where no number starts or where its value is
 * beyond every double or, not being zero, below them. A plus, space, hexadecimal digits and "nan" start none.
 */
std::optional<LeadingNumber> leading_number(std::string_view text);

}  // namespace corepulse
