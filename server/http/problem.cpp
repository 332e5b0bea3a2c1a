#include "http/problem.h"

#include <new>
#include <nlohmann/json.hpp>
#include <utility>

namespace corepulse::server {

Problem::Problem(const Error& error) : Problem(http_status(error.code()), name(error.code()), error.what()) {}

Problem busy(const std::string& detail, int seconds) {
  Problem problem(429, "busy", detail);
  problem.headers.set("Retry-After", std::to_string(seconds));
  return problem;
}

Problem missing(const std::string& what) {
  return {404, name(ErrorCode::not_found), what};
}

nlohmann::json to_json(const Problem& problem) {
  return {{"type", "about:blank"},
          {"title", reason(problem.status)},
          {"status", problem.status},
          {"detail", problem.what()},
          {"code", problem.code}};
}

Response problem_response(const Problem& problem) {
  auto response = json_response(to_json(problem), problem.status);
  for (const auto& [name, value] : problem.headers) response.headers.set(name, value);
  response.headers.set("Content-Type", "application/problem+json");
  return response;
}

Problem current_problem() {
  try {
    throw;
  } catch (const Problem& problem) {
    return problem;
  } catch (const Error& error) {
    return Problem(error);
  } catch (const std::bad_alloc&) {
    return {507, name(ErrorCode::out_of_memory), "[server] memory ran out; try again later, or ask for less"};
  } catch (const std::exception& error) {
    return {500, name(ErrorCode::internal), error.what()};
  }
}

const char* reason(int status) {
  static constexpr std::pair<int, const char*> kReasons[] = {{200, "OK"},
                                                             {201, "Created"},
                                                             {202, "Accepted"},
                                                             {204, "No Content"},
                                                             {303, "See Other"},
                                                             {304, "Not Modified"},
                                                             {400, "Bad Request"},
                                                             {401, "Unauthorized"},
                                                             {403, "Forbidden"},
                                                             {404, "Not Found"},
                                                             {405, "Method Not Allowed"},
                                                             {408, "Request Timeout"},
                                                             {409, "Conflict"},
                                                             {413, "Content Too Large"},
                                                             {415, "Unsupported Media Type"},
                                                             {422, "Unprocessable Content"},
                                                             {429, "Too Many Requests"},
                                                             {431, "Request Header Fields Too Large"},
                                                             {499, "Cancelled"},
                                                             {500, "Internal Server Error"},
                                                             {501, "Not Implemented"},
                                                             {503, "Service Unavailable"},
                                                             {505, "HTTP Version Not Supported"},
                                                             {507, "Insufficient Storage"}};
  for (const auto& [number, text] : kReasons)
    if (number == status) return text;
  return "Error";
}

}  // namespace corepulse::server
