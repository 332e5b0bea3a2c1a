#include "http/router.h"

#include <algorithm>
#include <fmt/format.h>

#include "http/problem.h"

namespace corepulse::server {
namespace {

std::string_view next_segment(std::string_view& rest) {
  const auto end = std::min(rest.find('/', 1), rest.size());
  const auto segment = rest.substr(0, end);
  rest.remove_prefix(end);
  return segment;
}

bool matches(std::string_view pattern, std::string_view path, std::map<std::string, std::string>& parameters) {
  std::map<std::string, std::string> found;
  while (!pattern.empty() && !path.empty()) {
    const auto want = next_segment(pattern), given = next_segment(path);
    if (want.starts_with("/{") && want.ends_with("}")) {
      if (given.size() < 2) return false;
      found.emplace(want.substr(2, want.size() - 3), given.substr(1));
    } else if (want != given) {
      return false;
    }
  }
  if (!pattern.empty() || !path.empty()) return false;
  parameters = std::move(found);
  return true;
}

}  // namespace

void Router::add(std::string method, std::string pattern, Handler handler, RouteOptions options) {
  routes_.push_back({std::move(method), std::move(pattern), std::move(handler), options});
}

const Route& Router::find(Request& request) const {
  const auto& method = request.method == "HEAD" ? "GET" : request.method;
  const Route* resource = nullptr;  // the first pattern that matches: another one's methods are not this path's
  std::string allowed;
  for (const auto& route : routes_) {
    if (resource && route.pattern != resource->pattern) continue;
    if (!matches(route.pattern, request.path, request.parameters)) continue;
    if (route.method == method) return route;
    resource = &route;
    if (allowed.find(route.method) == allowed.npos) allowed += (allowed.empty() ? "" : ", ") + route.method;
  }
  if (allowed.empty()) throw missing(fmt::format("[path] there is no {}", request.path.substr(0, 200)));
  Problem problem(405, "method_not_allowed", fmt::format("[method] expected {}", allowed));
  problem.headers.set("Allow", allowed);
  throw problem;
}

}  // namespace corepulse::server
