// What a request's head may be.
#include "http/head.h"

#include <doctest/doctest.h>
#include <string>

#include "http/problem.h"

using namespace corepulse::server;

namespace {

int refused(const std::string& head) {
  try {
    check_head(head);
  } catch (const Problem& problem) {
    return problem.status;
  }
  return 0;
}

}  // namespace

TEST_CASE("a plain head is taken") {
  CHECK(refused("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
  CHECK(refused("POST /v1/jobs?x HTTP/1.0\r\nhost:a\r\nContent-Length:  12 \r\nX-Y: a\tb \xc3\xa4\r\n\r\n") == 0);
  CHECK(refused("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n") == 0);
}

TEST_CASE("whatever may be read in two ways is refused") {
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (const char* rest :
       {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: -1\r\n", "Content-Length: 1 1\r\n", "Content-Length:\r\n", "Content-Length: 0x1\r\n",
        "Content-Length: 1234567890123456789\r\n", " X: a\r\n", "\tX: a\r\n", "X : a\r\n", "X\r\n", ": a\r\n",
        "X: a\nY: b\r\n", "X: a\rY: b\r\n", "X: \x01\r\n", "X: \x7f\r\n", "Host: a\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"})
    CHECK(refused(get + rest + "\r\n") == 400);
  CHECK(refused(get + std::string("X: a\0b\r\n\r\n", 10)) == 400);
  CHECK(refused(get + "Transfer-Encoding: chunked, gzip\r\n\r\n") == 501);
  CHECK(refused(get + "Content-Encoding: br\r\n\r\n") == 415);
  CHECK(refused("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(refused("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
}

TEST_CASE("a request line is a method, an ASCII target and a version") {
  for (const char* line :
       {"", "GET", "GET /", "GET  / HTTP/1.1", "G(T / HTTP/1.1", "GET / HTTP/1.1 ", "GET /\x80 HTTP/1.1"})
    CHECK(refused(std::string(line) + "\r\nHost: a\r\n\r\n") != 0);
  CHECK(refused("GET / HTTP/2\r\nHost: a\r\n\r\n") == 505);
  CHECK(refused("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n") == 431);
}
