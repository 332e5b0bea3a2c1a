#pragma once
// Bytes as text (RFC 4648, section 4).

#include <optional>
#include <string>
#include <string_view>

namespace corepulse::io {

std::string to_base64(std::string_view bytes);

/** nullopt for what to_base64 does not write: other letters, wrong padding, bits left over. */
std::optional<std::string> from_base64(std::string_view text);

}  // namespace corepulse::io
