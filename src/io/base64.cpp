#include "io/base64.h"

#include <cstdint>

namespace corepulse::io {
namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (i + k < bytes.size() ? uint8_t(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) text += i + k > bytes.size() ? '=' : kLetters[group >> (18 - 6 * k) & 63];
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4) return {};
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    const auto letters = text.substr(i, 4);
    const bool last = i + 4 == text.size();
    const size_t padding = last ? letters.ends_with("==") ? 2 : letters.ends_with("=") : 0;
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      const auto value = k < 4 - padding ? kLetters.find(letters[k]) : 0;
      if (value == kLetters.npos) return {};
      group = group << 6 | static_cast<uint32_t>(value);
    }
    if (group & ((1u << 8 * padding) - 1)) return {};
    for (size_t k = 0; k < 3 - padding; ++k) bytes += static_cast<char>(group >> (16 - 8 * k) & 255);
  }
  return bytes;
}

}  // namespace corepulse::io
