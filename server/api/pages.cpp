// The page, and other files that are in the program.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <string_view>

#include "api/api.h"
#include "embedded.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

/** What the page may load: its own files, and pictures that it made itself. */
constexpr const char* kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; connect-src "
    "'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

std::string page_type(std::string_view name) {
  static const std::map<std::string_view, const char*> types = {{".html", "text/html; charset=utf-8"},
                                                                {".js", "text/javascript; charset=utf-8"},
                                                                {".css", "text/css; charset=utf-8"},
                                                                {".json", "application/json"},
                                                                {".svg", "image/svg+xml"},
                                                                {".png", "image/png"},
                                                                {".ico", "image/x-icon"},
                                                                {".webmanifest", "application/manifest+json"},
                                                                {".woff2", "font/woff2"}};
  const auto found = types.find(name.substr(std::min(name.rfind('.'), name.size())));
  return found == types.end() ? "application/octet-stream" : found->second;
}

bool takes_gzip(const Request& request) {
  return request.headers.get("accept-encoding").find("gzip") != std::string::npos;
}

/** FNV-1a: tells one version of a file from another, and nothing else depends on it. */
std::string tag_of(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("\"{:016x}\"", hash);
}

/** A file that a browser asks for again and again. */
Response kept_file(const Request& request, std::string bytes, const std::string& type) {
  const auto tag = tag_of(bytes);
  Response response;
  if (request.headers.get("if-none-match") == tag)
    response.status = 304;
  else
    response = bytes_response(std::move(bytes), type);
  response.headers.set("ETag", tag);
  response.headers.set("Cache-Control", "no-cache");
  response.headers.set("Content-Security-Policy", kPagePolicy);
  return response;
}

Response page_file(const Request& request, const Context& context, const std::string& name) {
  if (!context.studio.empty())
    return kept_file(request, read_file(std::filesystem::path(context.studio) / name), page_type(name));
  const auto& file = embedded_file("studio/" + name);
  const bool packed = takes_gzip(request) && !file.gzip.empty();
  auto response = kept_file(request, std::string(packed ? file.gzip : file.bytes), page_type(name));
  if (packed) response.headers.set("Content-Encoding", "gzip");
  response.headers.set("Vary", "Accept-Encoding");
  return response;
}

/** /?token=T becomes a cookie, so that the token does not stay in the address. */
Response index_page(const Request& request, const Context& context) {
  const auto given = request.query.find("token");
  if (given != request.query.end() && context.gate.is_token(given->second)) {
    Response response{.status = 303};
    response.headers.set("Location", "/");
    response.headers.set("Set-Cookie", fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000",
                                                   kTokenCookie, given->second));
    return response;
  }
  if (context.gate.asks_token() && !context.gate.has_token(request))
    throw Problem(401, "unauthorized",
                  "[token] missing or wrong; expected this page's address to end in /?token=TOKEN");
  return page_file(request, context, "index.html");
}

}  // namespace

const EmbeddedFile& embedded_file(std::string_view name) {
  for (const auto& file : embedded_files())
    if (file.name == name) return file;
  throw missing(fmt::format("[path] there is no /{}", name.substr(0, 200)));
}

void add_pages(Router& router, Context& context) {
  const RouteOptions page{.open = true, .page = true};
  router.add("GET", "/", [&](const Request& request) { return index_page(request, context); }, page);
  router.add("GET", "/v1/openapi.json", [](const Request&) {
    return bytes_response(std::string(embedded_file("openapi.json").bytes), "application/json");
  });
  router.add("GET", "/v1/schema", [](const Request&) {
    return bytes_response(std::string(embedded_file("recipe.schema.json").bytes), "application/schema+json");
  });
  router.add("GET", "/{file}",
             [&](const Request& request) { return page_file(request, context, request.parameters.at("file")); },
             {.open = true});
  router.add("GET", "/{folder}/{file}",
             [&](const Request& request) {
               return page_file(request, context,
                                request.parameters.at("folder") + "/" + request.parameters.at("file"));
             },
             {.open = true});
}

}  // namespace corepulse::server
