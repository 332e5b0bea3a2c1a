#pragma once
// Which function answers which path.
//
//   router.add("GET", "/v1/jobs/{id}", [&](const Request& request) { return show(request.parameters.at("id")); });

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace corepulse::server {

/** Runs on one of several threads. It may take milliseconds; it throws Problem or Error. */
using Handler = std::function<Response(const Request& request)>;

/** What a route wants of the body. json: Content-Type must be application/json (of no body: need not be there). */
enum class Body { none, json, multipart, any };

struct RouteOptions {
  Body body = Body::none;
  size_t most_body = size_t{32} << 20;
  bool open = false;     ///< Answered without a token, too.
  bool page = false;     ///< A browser may come here from another site's link.
  bool reading = false;  ///< A POST that changes nothing.
};

struct Route {
  std::string method, pattern;
  Handler handler;
  RouteOptions options;
};

class Router {
 public:
  /** @param pattern segments in braces match any one segment. Of several that match a path, the first one added is it.
   */
  void add(std::string method, std::string pattern, Handler handler, RouteOptions options = {});
  /** Fills request.parameters. HEAD finds GET's. @throws Problem 404, 405 with Allow. */
  const Route& find(Request& request) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

}  // namespace corepulse::server
