#include "http/head.h"

#include <algorithm>
#include <fmt/format.h>

#include "http/message.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

[[noreturn]] void refuse_head(const char* what, int status = 400) {
  throw Problem(status, "invalid_request", fmt::format("[head] {}", what));
}

bool is_field_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

struct Seen {
  int fields = 0, hosts = 0, lengths = 0, codings = 0;
  bool old = false;  // HTTP/1.0
};

void check_start(std::string_view line, Seen& seen) {
  const auto method = line.substr(0, line.find(' '));
  const auto rest = line.substr(std::min(method.size() + 1, line.size()));
  const auto target = rest.substr(0, rest.find(' '));
  const auto version = rest.substr(std::min(target.size() + 1, rest.size()));
  if (!is_field_name(method) || method.size() > 16 || target.empty()) refuse_head("no request line");
  if (target.size() > 8192) refuse_head("a target of more than 8192 bytes", 431);
  if (std::any_of(target.begin(), target.end(), [](char c) { return c <= ' ' || c >= 0x7f; }))
    refuse_head("a target with other letters than ASCII's");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") refuse_head("another version than HTTP/1.1", 505);
  seen.old = version == "HTTP/1.0";
}

void check_field(std::string_view line, Seen& seen) {
  if (++seen.fields > 100) refuse_head("more than 100 fields", 431);
  const auto colon = std::min(line.find(':'), line.size());
  if (!is_field_name(line.substr(0, colon)) || colon == line.size())
    refuse_head("a field's name that is none, or a folded line");
  auto value = line.substr(colon + 1);
  while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
  while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
  const auto name = line.substr(0, colon);
  if (same_letters(name, "host")) ++seen.hosts;
  if (same_letters(name, "content-length")) {
    ++seen.lengths;
    const bool digits = std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (value.empty() || value.size() > 18 || !digits) refuse_head("a Content-Length that is no number");
  }
  if (same_letters(name, "transfer-encoding")) {
    ++seen.codings;
    if (!same_letters(value, "chunked")) refuse_head("another transfer coding than chunked", 501);
  }
  if (same_letters(name, "content-encoding") && !same_letters(value, "identity")) refuse_head("a content coding", 415);
}

}  // namespace

void check_head(std::string_view head) {
  Seen seen;
  for (const char c : head)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
      refuse_head("a control character");
  for (bool first = true; !head.empty(); first = false) {
    const auto end = head.find_first_of("\r\n");
    if (end == head.npos || head.substr(end, 2) != "\r\n") refuse_head("a line that does not end in CR LF");
    const auto line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (line.empty() && head.empty()) break;
    first ? check_start(line, seen) : check_field(line, seen);
  }
  if (seen.hosts != 1) refuse_head("no Host, or several");
  if (seen.lengths > 1 || seen.codings > 1 || (seen.lengths > 0 && seen.codings > 0))
    refuse_head("the body's length is told more than once");
  // RFC 9112, 6.1: who does not know codings may have let it through as it was, with another end.
  if (seen.old && seen.codings > 0) refuse_head("a transfer coding in HTTP/1.0");
}

}  // namespace corepulse::server
