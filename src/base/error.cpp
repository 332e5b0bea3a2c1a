#include "corepulse/error.h"

#include "base/fail.h"

namespace corepulse {
namespace {

struct Row {
  ErrorCode code;
  const char* name;
  int exit_status, http_status;
};

// The one table: name, exit status and HTTP status of every code.
constexpr Row kRows[] = {
    {ErrorCode::invalid_request, "invalid_request", 2, 400},
    {ErrorCode::not_found, "not_found", 3, 404},
    {ErrorCode::bad_file, "bad_file", 4, 422},
    {ErrorCode::unsupported_model, "unsupported_model", 5, 422},
    {ErrorCode::io, "io", 6, 500},
    {ErrorCode::out_of_memory, "out_of_memory", 7, 507},
    {ErrorCode::cancelled, "cancelled", 8, 409},
    {ErrorCode::internal, "internal", 9, 500},
};

const Row& row(ErrorCode code) noexcept {
  return kRows[static_cast<int>(code)];
}

}  // namespace

const char* name(ErrorCode code) noexcept {
  return row(code).name;
}
int exit_status(ErrorCode code) noexcept {
  return row(code).exit_status;
}
int http_status(ErrorCode code) noexcept {
  return row(code).http_status;
}

void fail(ErrorCode code, std::string_view where, std::string_view message) {
  std::string text("[");
  text.append(where).append("] ").append(message);
  throw Error(code, text);
}

}  // namespace corepulse
