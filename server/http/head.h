#pragma once
// The bytes of a request's head, before a parser sees them: what two parsers may read differently is refused.

#include <string_view>

namespace corepulse::server {

inline constexpr size_t kMostHead = 16 * 1024;

/**
 * From the request line to the empty line, both included. What is refused: bare LF or CR, NUL and other control
 * characters, folded lines, spaces before a colon or in a name, more than 100 fields, none or several of Host, several
 * of Content-Length or one that is no number, Content-Length beside Transfer-Encoding, another coding than chunked,
 * any in HTTP/1.0.
 * @throws Problem 400, 431, 501, 505.
 */
void check_head(std::string_view head);

}  // namespace corepulse::server
