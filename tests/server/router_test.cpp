// Paths, forms, events: what needs no socket.
#include "http/router.h"

#include <doctest/doctest.h>

#include "http/base64.h"
#include "http/events.h"
#include "http/gate.h"
#include "http/multipart.h"
#include "support.h"

using namespace corepulse::server;

namespace {

Request asked(const std::string& method, const std::string& target) {
  Request request{.method = method};
  read_target(target, request);
  return request;
}

}  // namespace

TEST_CASE("a path finds its route and gives the pattern's names") {
  Router router;
  const auto named = [](const char* name) { return [name](const Request&) { return bytes_response(name, ""); }; };
  router.add("GET", "/v1/jobs", named("list"));
  router.add("POST", "/v1/jobs", named("submit"));
  router.add("GET", "/v1/jobs/{id}/events", named("events"));
  router.add("GET", "/", named("page"));
  const auto answer = [&](const char* method, const char* target) {
    auto request = asked(method, target);
    const auto body = router.find(request).handler(request).body;
    return body + request.parameters["id"];
  };
  CHECK(answer("GET", "/v1/jobs?x=1") == "list");
  CHECK(answer("HEAD", "/v1/jobs") == "list");
  CHECK(answer("POST", "/v1/jobs") == "submit");
  CHECK(answer("GET", "/v1/jobs/a%20b/events") == "eventsa b");
  CHECK(answer("GET", "/") == "page");
  for (const char* target : {"/v1", "/v1/jobs/", "/v1/jobs//events", "/v1/jobs/a", "/v1/jobs/a/b/events"})
    CHECK(status_of([&] { answer("GET", target); }) == 404);
  CHECK(status_of([&] { answer("DELETE", "/v1/jobs"); }) == 405);

  router.add("POST", "/read", named("read"));
  router.add("GET", "/{file}", named("file"));
  CHECK(answer("GET", "/reed") == "file");
  CHECK(status_of([&] { answer("GET", "/read"); }) == 405);
  try {
    answer("PUT", "/read");
    FAIL("found");
  } catch (const Problem& problem) {
    CHECK(problem.headers.get("Allow") == "POST");
  }
}

TEST_CASE("a target that two readers may read differently is refused") {
  for (const char* target : {"", "v1", "*", "http://x/", "/a/../b", "/./a", "/%2e%2e/a", "/a%2fb", "/a%5cb", "/a\\b",
                             "/%00", "/%0a", "/%", "/%g0", "/%ff", "/%ed%a0%80", "/%c0%af", "/a#b"})
    CHECK(status_of([&] { asked("GET", target); }) == 400);
  const auto request = asked("GET", "/a/%C3%A4?q=a+b%20c&empty=&flag&n=12");
  CHECK(request.path == "/a/\u00e4");
  CHECK(request.query_value("q") == "a b c");
  CHECK(request.query_value("flag", "x") == "");
  CHECK(request.query_number("n", 0, 0, 20) == 12);
  CHECK(status_of([&] { request.query_number("n", 0, 0, 11); }) == 400);
  CHECK(status_of([&] { request.query_number("q", 0, 0, 11); }) == 400);
}

TEST_CASE("cookies and hosts are found by name") {
  Request request;
  request.headers.add("Cookie", "a=1; corepulse_token = x=y ;b=2");
  CHECK(request.cookie("corepulse_token") == "x=y");
  CHECK(request.cookie("token") == "");
  CHECK(host_name("Example.org:80") == "example.org");
  CHECK(host_name("[::1]:80") == "::1");
  for (const char* host : {"a b", "a:x", "[::1", "[::1]x", "a/b", "a@b", "a:1234567"}) CHECK(host_name(host) == "");
}

TEST_CASE("a token is itself and nothing else") {
  const Gate gate({"secret", {}});
  CHECK(gate.is_token("secret"));
  for (const char* other : {"", "s", "secre", "secretsecret", "secreT", "secret "}) CHECK_FALSE(gate.is_token(other));
  CHECK_FALSE(Gate({"", {}}).is_token(""));
}

TEST_CASE("the parts of a form come out as they were sent") {
  Request form;
  form.headers.add("Content-Type", "multipart/form-data; boundary=\"x y\"");
  form.body =
      "--x y\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a;\\\"b\"\r\nContent-Type: image/png\r\n\r\n"
      "\r\n--x\r\n\r\n--x y\r\nContent-Disposition: form-data; name=n\r\n\r\n\r\n--x y--\r\n";
  const auto parts = read_multipart(form);
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].name == "image");
  CHECK(parts[0].filename == "a;\"b");
  CHECK(parts[0].type == "image/png");
  CHECK(parts[0].body == "\r\n--x\r\n");
  CHECK(parts[1].name == "n");
  CHECK(parts[1].body == "");
  for (const char* body : {"", "--x y", "--x y\r\n", "--x y\r\n\r\n", "--x y\r\n--x y\r\nA: b\r\n\r\nc\r\n--x y--",
                           "--x y\r\nA: b\r\n\r\nc\r\n--x y--", "--x yz\r\n",
                           "--x y\r\nContent-Disposition: form-data; name=\"a\x8b\"\r\n\r\nc\r\n--x y--"}) {
    form.body = body;
    CHECK(status_of([&] { read_multipart(form); }) == 400);
  }
}

TEST_CASE("an event is lines that a browser puts together again") {
  CHECK(sse("step", "{}", "3") == "id: 3\nevent: step\ndata: {}\n\n");
  CHECK(sse("", "a\nb\r\nc\rd") == "data: a\ndata: b\ndata: c\ndata: d\n\n");
}

TEST_CASE("base64 is undone by its reverse, and nothing else is base64") {
  for (const std::string& bytes :
       {std::string(), std::string("a"), std::string("ab"), std::string("abc"), std::string("\0\xff\x80", 3)})
    CHECK(from_base64(to_base64(bytes)) == bytes);
  CHECK(to_base64("ab") == "YWI=");
  CHECK(from_base64("YWI") == "ab");
  for (const char* text : {"Y", "YW=I", "YW===", "Y W", "YWI*"}) CHECK_FALSE(from_base64(text));
}
