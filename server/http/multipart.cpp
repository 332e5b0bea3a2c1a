#include "http/multipart.h"

#include <algorithm>
#include <fmt/format.h>

#include "http/problem.h"

namespace corepulse::server {
namespace {

[[noreturn]] void refuse_parts(const char* what) {
  throw Problem(400, "invalid_request", fmt::format("[multipart] {}; expected multipart/form-data (RFC 7578)", what));
}

/** name="x" or name=x behind a semicolon. */
std::string parameter(std::string_view value, std::string_view name) {
  for (auto at = value.find(';'); at != value.npos; at = value.find(';', at + 1)) {
    auto rest = value.substr(at + 1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (!same_letters(rest.substr(0, name.size()), name) || rest.substr(name.size(), 1) != "=") continue;
    rest.remove_prefix(name.size() + 1);
    if (!rest.starts_with('"')) return std::string(rest.substr(0, rest.find_first_of("; \t")));
    std::string text;
    for (size_t i = 1; i < rest.size() && rest[i] != '"'; ++i) {
      if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
      text += rest[i];
    }
    return text;
  }
  return "";
}

Part read_part(std::string_view text) {
  const auto end = text.find("\r\n\r\n");
  if (end == text.npos || end > 8192) refuse_parts("a part without headers");
  Part part{.body = std::string(text.substr(end + 4))};
  for (auto head = text.substr(0, end); !head.empty();) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(line.size() + 2, head.size()));
    const auto colon = std::min(line.find(':'), line.size());
    const auto name = line.substr(0, colon);
    auto value = line.substr(std::min(colon + 1, line.size()));
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    if (same_letters(name, "content-type")) part.type = value;
    if (!same_letters(name, "content-disposition")) continue;
    part.name = parameter(value, "name");
    part.filename = parameter(value, "filename");
  }
  if (part.name.empty()) refuse_parts("a part without a name");
  if (!is_utf8(part.name) || !is_utf8(part.filename) || !is_utf8(part.type)) refuse_parts("headers that are not UTF-8");
  return part;
}

}  // namespace

std::vector<Part> read_multipart(const Request& request, size_t most) {
  const auto boundary = parameter(request.headers.get("content-type"), "boundary");
  if (request.content_type() != "multipart/form-data" || boundary.empty() || boundary.size() > 70)
    refuse_parts("no boundary in the content type");
  const auto mark = "\r\n--" + boundary;
  const auto body = "\r\n" + request.body;
  std::vector<Part> parts;
  auto at = body.find(mark);
  if (at == body.npos) refuse_parts("the boundary is not in the body");
  for (at += mark.size(); body.compare(at, 2, "--") != 0;) {
    if (body.compare(at, 2, "\r\n") != 0) refuse_parts("text behind a boundary");
    const auto end = body.find(mark, at);
    if (end == body.npos) refuse_parts("the last part has no end");
    if (end == at) refuse_parts("a part without headers");
    if (parts.size() == most) refuse_parts("too many parts");
    // Its headers may be none, and the boundary's line end is theirs.
    parts.push_back(read_part(std::string_view(body).substr(at + 2, end - at - 2)));
    at = end + mark.size();
  }
  return parts;
}

}  // namespace corepulse::server
