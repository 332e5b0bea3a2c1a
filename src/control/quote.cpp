#include "control/quote.h"

#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::control {

std::string quote(std::string_view text) {
  constexpr size_t kMost = 80;
  size_t end = std::min(text.size(), kMost);
  // Not inside a UTF-8 sequence.
  while (end < text.size() && end > 0 && (text[end] & 0xc0) == 0x80) --end;
  std::string out = "\"";
  for (const char c : text.substr(0, end)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 32 || byte == 127)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out + (end < text.size() ? "...\"" : "\"");
}

std::string with_article(std::string_view word) {
  const bool vowel = !word.empty() && std::string_view("aeiou").find(word.front()) != std::string_view::npos;
  return fmt::format("{} {}", vowel ? "an" : "a", word);
}

std::string ranges(const std::vector<int>& numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size(); ++i) {
    const size_t first = i;
    while (i + 1 < numbers.size() && numbers[i + 1] == numbers[i] + 1) ++i;
    text += (text.empty() ? "" : ", ") + std::to_string(numbers[first]);
    if (i > first) text += ".." + std::to_string(numbers[i]);
  }
  return text;
}

std::string number(double value) {
  return fmt::format("{}", value);
}

void refuse(const std::string& path, const std::string& message) {
  fail(ErrorCode::invalid_request, path.empty() ? "recipe" : path, message);
}

}  // namespace corepulse::control
