#include "app.h"

#include "http/problem.h"

namespace corepulse::server {
namespace {

/** An answer to a browser that is no page of ours. */
constexpr const char* kNothing = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

void set_default(Headers& headers, const char* name, const char* value) {
  if (!headers.has(name)) headers.set(name, value);
}

}  // namespace

void add_safe_headers(Response& response) {
  auto& headers = response.headers;
  set_default(headers, "Content-Security-Policy", kNothing);
  set_default(headers, "Cache-Control", "no-store");
  set_default(headers, "X-Content-Type-Options", "nosniff");
  set_default(headers, "X-Frame-Options", "DENY");
  set_default(headers, "Referrer-Policy", "no-referrer");
  set_default(headers, "Cross-Origin-Resource-Policy", "same-origin");
  set_default(headers, "Cross-Origin-Opener-Policy", "same-origin");
}

Service::Plan App::plan(Request& head) {
  const auto& route = router_.find(head);
  gate_.check(head, route);
  const auto most = route.options.body == Body::none ? 0 : route.options.most_body;
  return {most, [&route](const Request& request) {
            try {
              return route.handler(request);
            } catch (...) {
              return problem_response(current_problem());
            }
          }};
}

void App::answered(const Request&, int status, double seconds) {
  const std::lock_guard lock(mutex_);
  ++counts_.requests, counts_.seconds += seconds;
  if (status >= 500)
    ++counts_.server_errors;
  else if (status >= 400)
    ++counts_.client_errors;
}

HttpCounts App::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace corepulse::server
