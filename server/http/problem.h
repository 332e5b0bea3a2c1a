#pragma once
// What went wrong, as RFC 9457 has clients told.

#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>

#include "corepulse/error.h"

#include "http/message.h"

namespace corepulse::server {

/** Thrown by whoever handles a request. what() is the detail. */
class Problem : public std::runtime_error {
 public:
  /** @param name the library's ErrorCode name, or one of the server's own: docs/server.md lists them. */
  Problem(int http_status, std::string name, const std::string& detail)
      : std::runtime_error(detail), status(http_status), code(std::move(name)) {}
  explicit Problem(const Error& error);

  int status;
  std::string code;
  Headers headers;  ///< Of the answer, as Retry-After.
};

/** 429 with Retry-After. */
Problem busy(const std::string& detail, int seconds);
/** 404 with the code not_found. */
Problem missing(const std::string& what);

/** {type, title, status, detail, code}. */
nlohmann::json to_json(const Problem& problem);
Response problem_response(const Problem& problem);
/** Of the exception that is being handled: Problem, Error, or any other, which is the server's defect. */
Problem current_problem();

/** "Not Found" of 404. */
const char* reason(int status);

}  // namespace corepulse::server
