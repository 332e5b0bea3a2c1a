// Clients that are slow, too many, or want too much at once.
#include "http/listener.h"

#include <atomic>
#include <doctest/doctest.h>
#include <string>

#include "sockets.h"

using namespace corepulse::server;

namespace {

constexpr double kSoon = 0.05, kNever = 3600;  // seconds
constexpr size_t kMebibyte = size_t{1} << 20, kLong = 256 * kMebibyte;

/** Answers with so many bytes; where it holds, not before it is let go. */
struct Answers : Service {
  explicit Answers(size_t bytes = 1) : size(bytes) {}
  Plan plan(Request&) override {
    ++heads;
    return {size_t{1} << 40, [this](const Request&) {
              ++begun;
              while (holds) std::this_thread::sleep_for(std::chrono::milliseconds(1));
              return Response{.body = std::string(size, 'x')};
            }};
  }
  void complete(Response&) override {}
  void answered(const Request&, int, double) override {}
  const size_t size;
  std::atomic<int> heads = 0, begun = 0;
  std::atomic<bool> holds = false;
};

/** Answers with a, b, c, ... in pieces of one letter, or of many where it is long. */
struct Pieced : Service {
  Plan plan(Request&) override {
    return {0, [this](const Request&) {
              return Response{.pieces = {length, [this, at = size_t{0}]() mutable {
                                           const auto more = std::min(made - at, 1 + length / 1000);
                                           std::string piece(more, static_cast<char>('a' + at % 26));
                                           at += more;
                                           if (at == length) ++finished;
                                           return piece;
                                         }}};
            }};
  }
  void complete(Response&) override {}
  void answered(const Request&, int, double) override {}
  size_t length = 3;
  std::atomic<size_t> made = 3;
  std::atomic<int> finished = 0;
};

ListenOptions patient() {
  return {.head_seconds = kNever, .idle_seconds = kNever, .body_seconds = kNever, .write_seconds = kNever};
}

std::string ask(const Running& server, size_t body = 0) {
  Client client(server.port());
  if (body == 0) client.send(head("GET", 0, "close"));
  // In one piece, so that it does not wait for its own client.
  if (body > 0) client.send(head("POST", body, "close") + std::string(body, 'x'));
  return client.rest();
}

/** Whether a body arrives that takes three windows of so many seconds, and something in each. */
bool arrives_slowly(double window) {
  Answers answers;
  auto options = patient();
  options.body_seconds = window;
  options.least_rate = 1;
  const Running server(answers, options);
  Client client(server.port());
  constexpr int kParts = 60;
  client.send(head("POST", kParts * 100, "close"));
  for (int i = 0; i < kParts; ++i) {
    std::this_thread::sleep_for(std::chrono::duration<double>(window * 3 / kParts));
    if (!client.send(std::string(100, 'x'))) return false;
  }
  return status_in(client.rest()) == 200;
}

}  // namespace

TEST_CASE("a head that does not come whole ends the connection") {
  Answers answers;
  auto options = patient();
  options.head_seconds = kSoon;
  const Running server(answers, options);
  Client silent(server.port()), begins(server.port()), goes_on(server.port());
  begins.send("GET / HT");
  goes_on.send(head("GET") + "GET / HT");  // the second one's time begins with the first one's answer
  CHECK(silent.rest().empty());
  CHECK(begins.rest().empty());
  CHECK(status_in(goes_on.rest()) == 200);
}

TEST_CASE("a connection that asks nothing more is ended") {
  Answers answers;
  auto options = patient();
  options.idle_seconds = kSoon;
  const Running server(answers, options);
  Client client(server.port());
  client.send(head("GET"));
  CHECK(status_in(client.rest()) == 200);
}

TEST_CASE("a body must get on, however long it shall be") {
  Answers answers;
  auto options = patient();
  options.body_seconds = kSoon;
  const Running server(answers, options);
  Client stalls(server.port()), trickles(server.port());
  stalls.send(head("POST", kLong));
  CHECK(stalls.rest().empty());
  trickles.send(head("POST", kLong));
  until([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // 100 bytes a second at most
    return !trickles.send("x");
  });
  CHECK(answers.begun == 0);
}

TEST_CASE("a body that gets on may take longer than its time") {
  double window = 0.1;
  while (!arrives_slowly(window)) {
    window *= 2;  // a busy machine kept it waiting
    REQUIRE(window < 60);
  }
}

TEST_CASE("an answer must be read, however long it is") {
  Answers answers(kLong);
  auto options = patient();
  options.write_seconds = kSoon;
  const Running server(answers, options);
  Client client(server.port());
  client.send(head("GET"));
  until([&] { return answers.begun == 1 && server.counts().open == 0; });
  CHECK(client.rest().size() < answers.size);
}

TEST_CASE("bodies have so much room in all") {
  Answers answers;
  auto options = patient();
  options.most_body_bytes = 100000;
  const Running server(answers, options);
  CHECK(status_in(ask(server, 200000)) == 503);  // nobody else is there to go
  answers.holds = true;
  Client held(server.port());
  held.send(head("POST", 80000, "close") + std::string(80000, 'x'));
  until([&] { return answers.begun == 1; });
  CHECK(status_in(ask(server, 50000)) == 503);  // what is worked on is not given up
  answers.holds = false;
  CHECK(status_in(held.rest()) == 200);
  CHECK(status_in(ask(server, 80000)) == 200);  // it is given back
  CHECK(server.counts().evicted == 0);
}

TEST_CASE("a body that stalls makes room for others") {
  Answers answers;
  auto options = patient();
  options.most_body_bytes = 100000;
  const Running server(answers, options);
  until([&] {
    Client stalls(server.port());
    stalls.send(head("POST", kLong) + std::string(80000, 'x'));
    int status = 0;
    until([&] { return (status = status_in(ask(server, 50000))) != 503; });
    CHECK(status == 200);
    if (server.counts().evicted == 0) return false;  // the other one was faster
    CHECK(stalls.rest().empty());
    return true;
  });
}

TEST_CASE("answers have so much room in all, but small ones are sent") {
  Answers large(64 * 1024 + 1), small(64 * 1024);
  auto options = patient();
  options.most_answer_bytes = 0;
  const Running strict(large, options), kind(small, options);
  const auto refused = ask(strict);
  CHECK(status_in(refused) == 503);
  CHECK(refused.find("\r\nRetry-After: ") != refused.npos);
  CHECK(status_in(ask(kind)) == 200);
}

TEST_CASE("an answer that is read gives its room to the next") {
  Answers answers(16 * kMebibyte);
  auto options = patient();
  options.most_answer_bytes = 20 * kMebibyte;
  const Running server(answers, options);
  Client client(server.port());
  client.send(head("GET") + head("GET") + head("GET", 0, "close"));
  CHECK(client.rest().size() > 3 * answers.size);
}

TEST_CASE("an answer that nobody reads makes room for others") {
  Answers answers(16 * kMebibyte);
  auto options = patient();
  options.most_answer_bytes = 20 * kMebibyte;
  const Running server(answers, options);
  Client stalls(server.port());
  stalls.send(head("GET", 0, "close"));
  CHECK(status_in(stalls.read()) == 200);  // it has its room
  std::string answer;
  until([&] {
    answer = ask(server);
    return server.counts().evicted == 1;
  });
  CHECK(status_in(answer) == 200);
  CHECK(answer.size() > answers.size);
  CHECK(stalls.rest().size() < answers.size);
}

TEST_CASE("a body in pieces is sent as it is made, and not all of it where one is missing") {
  Pieced answers;
  auto options = patient();
  options.most_answer_bytes = 0;
  const Running server(answers, options);
  Client client(server.port());
  client.send(head("HEAD") + head("GET") + head("GET", 0, "close"));
  const auto rest = client.rest();
  size_t whole = 0, heads = 0;
  for (auto at = rest.find("\r\n\r\n"); at != rest.npos; at = rest.find("\r\n\r\n", at + 1)) ++heads;
  for (auto at = rest.find("abc"); at != rest.npos; at = rest.find("abc", at + 1)) ++whole;
  CHECK(heads == 3);
  CHECK(whole == 2);
  CHECK(rest.find("Content-Length: 3\r\n") != rest.npos);
  answers.made = 2;
  CHECK(ask(server).ends_with("\r\n\r\nab"));
}

TEST_CASE("a body in pieces that nobody reads is not made") {
  Pieced answers;
  answers.length = kLong, answers.made = kLong;
  const Running server(answers, patient());
  Client stalls(server.port()), reads(server.port());
  stalls.send(head("GET"));
  reads.send(head("GET", 0, "close"));
  size_t got = 0;
  for (auto more = reads.read(); !more.empty(); more = reads.read()) got += more.size();
  CHECK(got > kLong);
  CHECK(answers.finished == 1);
}

TEST_CASE("where all connections are busy another one is refused") {
  Answers answers;
  answers.holds = true;
  auto options = patient();
  options.most_connections = 2;
  const Running server(answers, options);
  Client first(server.port()), second(server.port());
  for (auto* client : {&first, &second}) client->send(head("GET"));
  until([&] { return answers.begun == 2; });
  CHECK(ask(server).empty());
  CHECK(server.counts().refused == 1);
  answers.holds = false;
  CHECK(status_in(first.read()) == 200);
  CHECK(status_in(second.read()) == 200);
  until([&] { return status_in(ask(server)) == 200; });  // between two requests they make room
  CHECK(server.counts().evicted == 1);
}

TEST_CASE("clients that keep all connections waiting make room for others") {
  Answers answers;
  auto options = patient();
  options.most_connections = 2;
  const Running server(answers, options);
  Client first(server.port()), second(server.port());
  for (auto* client : {&first, &second}) client->send(head("POST", 1000));
  until([&] { return answers.heads == 2; });
  until([&] { return status_in(ask(server)) == 200 && server.counts().evicted >= 1; });
}
