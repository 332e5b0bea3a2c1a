#pragma once
// Base64 (RFC 4648), with padding and without line ends.

#include <optional>
#include <string>
#include <string_view>

namespace corepulse::server {

std::string to_base64(std::string_view bytes);
/** Nothing for text that is none; line ends and a missing padding are taken. */
std::optional<std::string> from_base64(std::string_view text);

}  // namespace corepulse::server
