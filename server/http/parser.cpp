#include "http/parser.h"

#include <boost/asio/buffer.hpp>
#include <fmt/format.h>

#include "http/head.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

/**
 * For Parser::on_chunk_header. Boost reads an extension's quoted text beyond its line, so that where a chunk ends
 * depends on how the bytes arrive; nobody sends extensions.
 */
void refuse_extensions(uint64_t, boost::beast::string_view extensions, error_code& error) {
  if (!extensions.empty()) error = http::error::bad_chunk_extension;
}

}  // namespace

size_t read_head(std::string_view head, Parser& parser, Request& request) {
  check_head(head);
  parser.header_limit(static_cast<uint32_t>(kMostHead + 1024));
  parser.on_chunk_header(refuse_extensions);
  parser.body_limit(UINT64_MAX);  // known when the route is; none at all is less than any length to Boost 1.74
  error_code error;
  const auto taken = parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if ((error && error != http::error::need_more) || !parser.is_header_done())
    throw Problem(400, "invalid_request", fmt::format("[head] {}", error ? error.message() : "incomplete"));
  const auto& message = parser.get();
  request.method = std::string(message.method_string());
  for (const auto& field : message) request.headers.add(std::string(field.name_string()), std::string(field.value()));
  read_target(std::string_view(message.target().data(), message.target().size()), request);
  return taken;
}

void expect_body(Parser& parser, uint64_t most) {
  const auto given = parser.content_length();
  if (given && *given > most)
    throw Problem(413, "invalid_request", fmt::format("[body] {} bytes; expected at most {}", *given, most));
  parser.body_limit(most);
  parser.eager(true);
}

}  // namespace corepulse::server
