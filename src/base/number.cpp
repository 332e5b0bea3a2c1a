#include "base/number.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <locale.h>
#include <string>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#include "base/ascii.h"

namespace corepulse {
namespace {

size_t skip_digits(std::string_view text, size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

// Where the digits that start at `begin` end, with their fraction and exponent; `begin` where there are none.
size_t decimal_end(std::string_view text, size_t begin) {
  size_t end = skip_digits(text, begin), digits = end - begin;
  if (end < text.size() && text[end] == '.') {
    const size_t fraction = skip_digits(text, end + 1);
    digits += fraction - end - 1;
    end = fraction;
  }
  if (digits == 0) return begin;
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    size_t exponent = end + 1;
    if (exponent < text.size() && (text[exponent] == '-' || text[exponent] == '+')) ++exponent;
    if (const size_t last = skip_digits(text, exponent); last > exponent) end = last;
  }
  return end;
}

bool starts_with_word(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  for (size_t i = 0; i < lower.size(); ++i)
    if ((text[i] | 0x20) != lower[i]) return false;
  return true;
}

// strtod reads the decimal point of the application's locale.
double read_decimal(const std::string& text) {
  static const locale_t classic = newlocale(LC_ALL_MASK, "C", nullptr);
  return strtod_l(text.c_str(), nullptr, classic);
}

}  // namespace

std::optional<LeadingNumber> leading_number(std::string_view text) {
  const size_t begin = !text.empty() && text[0] == '-';
  for (const std::string_view word : {"infinity", "inf"}) {
    if (!starts_with_word(text.substr(begin), word)) continue;
    const double infinite = std::numeric_limits<double>::infinity();
    return LeadingNumber{begin ? -infinite : infinite, begin + word.size()};
  }
  const size_t end = decimal_end(text, begin);
  if (end == begin) return {};
  const std::string number(text.substr(0, end));
  const double value = read_decimal(number);
  const bool vanished = value == 0 && number.find_first_of("123456789") < number.find_first_of("eE");
  if (std::isinf(value) || vanished) return {};
  return LeadingNumber{value, end};
}

}  // namespace corepulse
