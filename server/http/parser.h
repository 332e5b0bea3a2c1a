#pragma once
// A request's head, read by Boost's parser, and what is expected behind it: for sockets, and for the fuzz target.

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <string_view>

#include "http/message.h"

namespace corepulse::server {

using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

/**
 * Fills method, headers, path and query.
 * @param head from the request line to the empty line, both included; @param parser has read nothing yet.
 * @returns how many of its bytes are read: all, as tests/fuzz/fuzz_http.cpp demands. Others would begin the body.
 * @throws Problem as check_head and read_target do, and 400 for what Boost refuses.
 */
size_t read_head(std::string_view head, Parser& parser, Request& request);

/**
 * What is put next is a body of at most so many bytes; of more comes error body_limit.
 * @throws Problem 413 where the head says that there are more.
 */
void expect_body(Parser& parser, uint64_t most);

}  // namespace corepulse::server
