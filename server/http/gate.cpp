#include "http/gate.h"

#include <algorithm>
#include <fmt/format.h>

#include "http/base64.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

std::string small_letters(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

bool is_port(std::string_view text) {
  return text.empty() || (text.size() <= 6 && text[0] == ':' &&
                          std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; }));
}

bool changes(const Request& request, const Route& route) {
  return request.method != "GET" && request.method != "HEAD" && !route.options.reading;
}

void check_body(const Request& request, const Route& route) {
  const auto type = request.content_type();
  const auto* expected = route.options.body == Body::json        ? "application/json"
                         : route.options.body == Body::multipart ? "multipart/form-data"
                                                                 : "";
  if (*expected == '\0' || type == expected) return;
  if (type.empty() && !request.headers.has("transfer-encoding") &&
      (!request.headers.has("content-length") || request.headers.get("content-length") == "0"))
    return;  // the handler says what is missing
  throw Problem(415, "unsupported_media_type", fmt::format("[content-type] expected {}", expected));
}

}  // namespace

std::string host_name(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == host.npos || !is_port(host.substr(end + 1))) return "";
    return small_letters(host.substr(1, end - 1));
  }
  const auto end = std::min(host.find(':'), host.size());
  const auto name = host.substr(0, end);
  const bool letters = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
           c == '_';
  });
  return letters && is_port(host.substr(end)) ? small_letters(name) : "";
}

bool is_loopback_name(std::string_view name) {
  return name == "localhost" || name == "127.0.0.1" || name == "::1";
}

void Gate::check(const Request& request, const Route& route) const {
  check_host(request);
  check_origin(request, route);
  if (asks_token() && !route.options.open && !has_token(request)) {
    Problem problem(401, "unauthorized",
                    "[token] missing or wrong; expected Authorization: Bearer TOKEN, or its page at /?token=TOKEN");
    problem.headers.set("WWW-Authenticate", "Basic realm=\"corepulse\", charset=\"UTF-8\"");
    throw problem;
  }
  check_body(request, route);
}

void Gate::check_host(const Request& request) const {
  const auto name = host_name(request.headers.get("host"));
  const auto& hosts = options_.hosts;
  if (is_loopback_name(name) || (!name.empty() && std::find(hosts.begin(), hosts.end(), name) != hosts.end())) return;
  throw Problem(403, "forbidden_host",
                "[host] this server is not called so; expected localhost, or a name given with --allow-host");
}

void Gate::check_origin(const Request& request, const Route& route) const {
  const bool changing = changes(request, route);
  const auto site = request.headers.get("sec-fetch-site");
  if (site == "cross-site" && !(route.options.page && request.headers.get("sec-fetch-mode") == "navigate"))
    throw Problem(403, "forbidden_origin", "[sec-fetch-site] a page of another site may not ask this server");
  if (!changing && request.method != "POST") return;
  if (!request.headers.has("origin")) return;
  const auto origin = small_letters(request.headers.get("origin")), host = small_letters(request.headers.get("host"));
  if (request.headers.count("origin") == 1 && (origin == "http://" + host || origin == "https://" + host)) return;
  throw Problem(403, "forbidden_origin", "[origin] a page of another site may not ask this server");
}

bool Gate::is_token(std::string_view given) const {
  const auto& token = options_.token;
  if (token.empty()) return false;
  // As many steps for every text of one length, wherever it differs first.
  unsigned different = given.size() == token.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i)
    different |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(token[i % token.size()]);
  return different == 0;
}

bool Gate::has_token(const Request& request) const {
  const auto given = request.headers.get("authorization");
  const auto space = std::min(given.find(' '), given.size());
  const auto scheme = std::string_view(given).substr(0, space);
  const auto rest = std::string_view(given).substr(std::min(space + 1, given.size()));
  if (same_letters(scheme, "bearer")) return is_token(rest);
  if (same_letters(scheme, "basic")) {
    const auto pair = from_base64(rest);
    const auto colon = pair ? pair->find(':') : std::string::npos;
    return colon != std::string::npos && is_token(std::string_view(*pair).substr(colon + 1));
  }
  return is_token(request.cookie(kTokenCookie));
}

}  // namespace corepulse::server
