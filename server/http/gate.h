#pragma once
// Who may ask at all: the token, and that a web page elsewhere can start nothing (DNS rebinding, CSRF).

#include <string>
#include <string_view>
#include <vector>

#include "http/router.h"

namespace corepulse::server {

struct GateOptions {
  std::string token;               ///< "": none is asked for.
  std::vector<std::string> hosts;  ///< Names by which the server may be called, beside loopback's; without ports.
};

class Gate {
 public:
  explicit Gate(GateOptions options) : options_(std::move(options)) {}

  /**
   * Host must name this server; a request that changes something must come from its own page or from no page at all.
   * @throws Problem 403 (forbidden_host, forbidden_origin), 401 (unauthorized), 415 for a body of another kind.
   */
  void check(const Request& request, const Route& route) const;
  /** Whether this is the token, in the same time whatever is wrong with it. */
  bool is_token(std::string_view given) const;
  bool asks_token() const { return !options_.token.empty(); }
  /** As Bearer, as Basic's password, or in the page's cookie. */
  bool has_token(const Request& request) const;

 private:
  void check_host(const Request& request) const;
  void check_origin(const Request& request, const Route& route) const;
  GateOptions options_;
};

/** "example.org" of "example.org:7860", "::1" of "[::1]:7860", in small letters; "" for what is none. */
std::string host_name(std::string_view host);
bool is_loopback_name(std::string_view name);

/** The cookie that holds the token. */
inline constexpr const char* kTokenCookie = "corepulse_token";

}  // namespace corepulse::server
