// Errors and their codes.

#include "corepulse/error.h"

#include <doctest/doctest.h>
#include <set>
#include <string>

#include "base/fail.h"

using namespace corepulse;

namespace {
constexpr ErrorCode kCodes[] = {ErrorCode::invalid_request,   ErrorCode::not_found, ErrorCode::bad_file,
                                ErrorCode::unsupported_model, ErrorCode::io,        ErrorCode::out_of_memory,
                                ErrorCode::cancelled,         ErrorCode::internal};
}

TEST_CASE("every code has a name and an exit status of its own, none of them 0 or 1") {
  std::set<std::string> names;
  std::set<int> statuses;
  for (const auto code : kCodes) {
    names.insert(name(code));
    statuses.insert(exit_status(code));
    CHECK(exit_status(code) >= 2);
    CHECK(http_status(code) >= 400);
  }
  CHECK(names.size() == std::size(kCodes));
  CHECK(statuses.size() == std::size(kCodes));
}

TEST_CASE("the table's rows stand in the order of the codes") {
  CHECK(std::string(name(ErrorCode::invalid_request)) == "invalid_request");
  CHECK(exit_status(ErrorCode::invalid_request) == 2);
  CHECK(http_status(ErrorCode::out_of_memory) == 507);
  CHECK(std::string(name(ErrorCode::internal)) == "internal");
  CHECK(exit_status(ErrorCode::internal) == 9);
}

TEST_CASE("a failure says where it happened and keeps its code") {
  try {
    fail(ErrorCode::bad_file, "safetensors", "the header is cut off; expected 100 bytes");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_file);
    CHECK(std::string(error.what()) == "[safetensors] the header is cut off; expected 100 bytes");
    return;
  }
  FAIL("nothing was thrown");
}
