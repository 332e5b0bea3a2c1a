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

std::string number(double value) {
  return fmt::format("{}", value);
}

void refuse(const std::string& path, const std::string& message) {
  fail(ErrorCode::invalid_request, path.empty() ? "recipe" : path, message);
}

}  // namespace corepulse::control
