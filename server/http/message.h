#pragma once
// What a client asks and what it gets, without sockets.
//
//   Response hello(const Request& request) { return json_response({{"hello", request.query_value("name")}}); }

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corepulse::server {

/** Names and values in order; names are found in any case. */
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> all) : all_(all) {}
  void add(std::string name, std::string value) { all_.emplace_back(std::move(name), std::move(value)); }
  /** Instead of all that have the name. */
  void set(std::string name, std::string value);
  /** The first one's value, or "". */
  std::string get(std::string_view name) const;
  size_t count(std::string_view name) const;
  bool has(std::string_view name) const { return count(name) > 0; }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

struct Request {
  std::string method;  ///< "GET", in capitals.
  std::string path;    ///< "/v1/jobs/x": decoded, valid UTF-8, without query, empty or dot segments.
  std::map<std::string, std::string> query;  ///< Decoded.
  Headers headers;
  std::string body;                               ///< Whole; "" while Service::plan looks at the rest.
  std::map<std::string, std::string> parameters;  ///< Of the route's pattern: "/v1/jobs/{id}" gives "id".

  std::string query_value(const std::string& name, const std::string& otherwise = "") const;
  /** A whole number of the query. @throws Problem 400 for another text, or one outside. */
  int64_t query_number(const std::string& name, int64_t otherwise, int64_t least, int64_t most) const;
  /** Of the header Cookie, "" if there is none. */
  std::string cookie(std::string_view name) const;
  /** "application/json" of "application/json; charset=utf-8", in small letters. */
  std::string content_type() const;
};

/** Where a handler's events go while the connection lasts. Any thread may use it. */
class Sink {
 public:
  virtual ~Sink() = default;
  /** Sends these bytes as they are (sse() of events.h makes an event). False: nobody reads any more, or too slowly. */
  virtual bool send(std::string bytes) = 0;
  /** The answer is whole. */
  virtual void end() = 0;
};

struct Response;
/** Begins to send; what it returns lives as long as the connection, so that its destructor may end a subscription. */
using Stream = std::function<std::shared_ptr<void>(std::shared_ptr<Sink> sink)>;
/** Calls `answer` once, from any thread, now or later; what it returns lives until then. */
using Later = std::function<std::shared_ptr<void>(std::function<void(Response)> answer)>;

/** A body that is made while it is sent. */
struct Pieces {
  size_t bytes = 0;  ///< Of all together.
  std::function<std::string()>
      next;  ///< Some more each time, on a socket's thread; "" or an exception ends the answer.
};

struct Response {
  int status = 200;
  Headers headers;   ///< Without Content-Length, Connection, and what all answers have.
  std::string body;  ///< Or one of:
  Pieces pieces;     ///< For what is too large to wait in memory for its client.
  Stream stream;     ///< Status and headers go at once, then what it sends.
  Later later;       ///< A handler must not wait: whoever has no answer yet gives one later.
};

/** Bytes that are no UTF-8 are replaced. */
Response json_response(const nlohmann::json& value, int status = 200);
Response bytes_response(std::string bytes, std::string type);
Response event_stream(Stream stream);

/** "%20" and the like undone. False: not so spelled, or not UTF-8, or with a NUL. */
bool percent_decode(std::string_view text, std::string& out, bool plus_is_space = false);
/** Fills path and query. @throws Problem 400 for a target that is no plain path. */
void read_target(std::string_view target, Request& request);
/** A form's body, "a=1&b=2". @throws Problem 400. */
std::map<std::string, std::string> read_form(std::string_view text);

bool same_letters(std::string_view a, std::string_view b);  ///< But for ASCII's case.
bool is_utf8(std::string_view text);
/** Code points of a text that is UTF-8, as JSON Schema's maxLength counts them. */
size_t characters(std::string_view text);

}  // namespace corepulse::server
