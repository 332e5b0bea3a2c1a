#include "control/recipe/scanner.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "base/ascii.h"
#include "base/fail.h"
#include "base/number.h"
#include "control/quote.h"

namespace corepulse::control {

void Scanner::skip() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

void Scanner::refuse(const std::string& expected) const {
  fail(ErrorCode::invalid_request, form_,
       fmt::format("at position {} of {}: {}; expected {}", at_, quote(text_),
                   done() ? "the text ends" : quote(text_.substr(at_, 24)), expected));
}

bool Scanner::take(std::string_view token) {
  if (text_.substr(at_, token.size()) != token) return false;
  at_ += token.size();
  skip();
  return true;
}

std::string_view Scanner::peek_word() const {
  size_t end = at_;
  while (end < text_.size() && !is_space(text_[end]) && text_[end] != ',') ++end;
  return text_.substr(at_, end - at_);
}

bool Scanner::take_word(std::string_view word) {
  if (peek_word() != word) return false;
  at_ += word.size();
  skip();
  return true;
}

std::string Scanner::word(const char* expected) {
  const std::string word(peek_word());
  if (word.empty()) refuse(expected);
  at_ += word.size();
  skip();
  return word;
}

std::string Scanner::item() {
  const size_t end = std::min(text_.find(',', at_), text_.size());
  auto text = text_.substr(at_, end - at_);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  at_ = end;
  return std::string(text);
}

std::string Scanner::file_name() {
  if (!take("\"")) return word("a file name");
  const size_t end = text_.find('"', at_);
  if (end == text_.npos) refuse("a closing \"");
  const std::string name(text_.substr(at_, end - at_));
  at_ = end + 1;
  skip();
  return name;
}

bool Scanner::at_number() const {
  return leading_number(text_.substr(at_)).has_value();
}

double Scanner::number() {
  // "15..0" is two numbers, not "15." and ".0".
  const size_t end = std::min(text_.find("..", at_), text_.size());
  const auto number = leading_number(text_.substr(at_, end - at_));
  if (!number) refuse("a number");
  at_ += number->length;
  skip();
  return number->value;
}

int Scanner::whole_number() {
  int value = 0;
  const auto [stop, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
  if (error != std::errc()) refuse("a whole number");
  at_ = static_cast<size_t>(stop - text_.data());
  skip();
  return value;
}

std::vector<double> Scanner::numbers(int n) {
  std::vector<double> all;
  for (int i = 0; i < n; ++i) {
    if (i > 0 && !take(",")) refuse(fmt::format("{} numbers with commas between them", n));
    all.push_back(number());
  }
  return all;
}

std::pair<double, double> Scanner::range() {
  const double first = number();
  if (!take("..")) refuse("two numbers, as in 15..0");
  return {first, number()};
}

Curve Scanner::curve() {
  if (take_word("ramp")) {
    const auto [start, end] = range();
    return Curve::ramp(start, end, take_word("edge") ? number() : 0.1);
  }
  const double first = number();
  if (!take(":")) return first;
  Curve points{{{first, number()}}};
  while (at_number()) {
    const double progress = number();
    if (!take(":")) refuse("points such as 0:0 0.5:1 (progress:value)");
    points.points.emplace_back(progress, number());
  }
  return points;
}

}  // namespace corepulse::control
