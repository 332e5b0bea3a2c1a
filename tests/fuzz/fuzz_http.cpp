// A request's bytes on their way to a handler: refused with a status, or read in one way only, however they arrive.
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <memory>

#include "fuzz.h"
#include "http/base64.h"
#include "http/events.h"
#include "http/gate.h"
#include "http/multipart.h"
#include "http/parser.h"
#include "http/problem.h"

using namespace corepulse;
using namespace corepulse::server;

namespace {

/** Whether it threw nothing. A problem has one of the statuses that a client is to blame for, and can be shown. */
template <class Act>
bool passes(const Act& act) {
  try {
    act();
    return true;
  } catch (const Problem& problem) {
    const std::string detail = problem.what();
    fuzz::require(problem.status >= 400 && problem.status != 500 && problem.status < 506);
    fuzz::require(detail.size() < 2000 && detail.starts_with('['));
    (void)problem_response(problem);
    return false;
  }
}

constexpr size_t kMostBody = 4096;

/** As Connection reads one; nullptr: it refuses it. What it takes for the body begins behind the head. */
std::unique_ptr<Parser> read(std::string_view head, std::string_view rest, size_t at_once, size_t& left,
                             Request& request) {
  auto parser = std::make_unique<Parser>();
  const bool expected = passes([&] {
    fuzz::require(read_head(head, *parser, request) == head.size());
    expect_body(*parser, kMostBody);
  });
  if (!expected) return {};
  std::string in;
  boost::system::error_code error;
  while (!parser->is_done() && !rest.empty()) {
    const auto more = std::min(at_once, rest.size());
    in += rest.substr(0, more), rest.remove_prefix(more);
    while (!in.empty() && !parser->is_done()) {
      const auto used = parser->put(boost::asio::buffer(in), error);
      in.erase(0, used);
      if (error && error != boost::beast::http::error::need_more) return {};
      if (used == 0) break;
    }
  }
  left = in.size() + rest.size();
  return parser;
}

void look_at_path(const std::string& path) {
  fuzz::require(path.starts_with('/') && is_utf8(path));
  fuzz::require((path + "/").find("/../") == path.npos && (path + "/").find("/./") == path.npos);
  for (const unsigned char c : path) fuzz::require(c >= 0x20 && c != '\\');
}

/** What handlers and the gate ask of it. */
void use(const Request& request) {
  static const Gate gate({.token = "secret", .hosts = {"example.org"}});
  static const Route route{"POST", "/", {}, {.body = Body::json}};
  if (passes([&] { gate.check(request, route); })) {
    const auto name = host_name(request.headers.get("host"));
    fuzz::require(is_loopback_name(name) || name == "example.org");
    fuzz::require(gate.has_token(request));
  }
  passes([&] { (void)request.query_number("limit", 1, 0, 10); });
  passes([&] {
    for (const auto& part : read_multipart(request, 8)) fuzz::require(!part.name.empty());
  });
  passes([&] { (void)read_form(request.body); });
  if (const auto bytes = from_base64(request.body)) fuzz::require(from_base64(to_base64(*bytes)) == bytes);
}

/** However the text is made, it stays the data of one event. */
void send(std::string_view text) {
  const auto event = sse("step", text);
  fuzz::require(event.starts_with("event: step\ndata: ") && event.ends_with("\n\n"));
  fuzz::require(event.find("\n\n") == event.size() - 2 && event.find('\r') == event.npos);
  for (size_t at = event.find('\n') + 1; at + 1 < event.size(); at = event.find('\n', at) + 1)
    fuzz::require(event.compare(at, 6, "data: ") == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text(data, size);
  send(text);
  const auto end = text.find("\r\n\r\n");
  if (end == text.npos) return 0;
  const auto head = text.substr(0, end + 4), rest = text.substr(end + 4);
  size_t left = 0, left_slowly = 0;
  Request request, slow_request;
  const auto parser = read(head, rest, rest.size() + 1, left, request);
  const auto slowly = read(head, rest, 1, left_slowly, slow_request);
  if (!parser && !slowly) return 0;
  fuzz::require(request.headers.count("host") == 1 && request.headers.count("content-length") <= 1);
  fuzz::require(!request.headers.has("content-length") || !request.headers.has("transfer-encoding"));
  const bool done = parser && parser->is_done();
  fuzz::require(done == (slowly && slowly->is_done()));
  if (!done) return 0;
  fuzz::require(parser->get().body() == slowly->get().body() && left == left_slowly);
  look_at_path(request.path);
  request.body = parser->get().body();
  use(request);
  return 0;
}
