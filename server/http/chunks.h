#pragma once
// A chunked body's chunks.

#include <boost/beast/core/error.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <cstdint>

namespace corepulse::server {

/**
 * For Parser::on_chunk_header. Boost reads an extension's quoted text beyond its line, so that where a chunk ends
 * depends on how the bytes arrive; nobody sends extensions.
 */
inline void refuse_extensions(uint64_t, boost::beast::string_view extensions, boost::beast::error_code& error) {
  if (!extensions.empty()) error = boost::beast::http::error::bad_chunk_extension;
}

}  // namespace corepulse::server
