#include "http/connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "http/head.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr size_t kMostUnread = size_t{32} << 20;   // bytes of a stream that its client has not read
constexpr size_t kAlwaysUnread = size_t{1} << 20;  // so many it may be, whatever others hold
constexpr size_t kReadAtOnce = size_t{64} << 10, kWriteAtOnce = size_t{64} << 10;
constexpr size_t kSmallAnswer = size_t{64} << 10;  // sent whatever others hold
constexpr int kKernelHolds = 256 << 10;  // unsent bytes of a socket: more would hide for long whether its client reads
constexpr double kFairRate = 1 << 20;    // bytes a second: slower clients make room where it is short
constexpr auto kLate = std::chrono::seconds(1);

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

/** A line end that ends no line of ours. */
bool has_bare_line_end(std::string_view text) {
  for (size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1))
    if (at == 0 || text[at - 1] != '\r') return true;
  return false;
}

std::string without_line_ends(std::string value) {
  std::erase_if(value, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
  return value;
}

}  // namespace

Connection::Connection(tcp::socket socket, std::shared_ptr<Listener::State> state)
    : socket_(std::move(socket)),
      deadline_(socket_.get_executor()),
      comments_(socket_.get_executor()),
      state_(std::move(state)),
      body_(state_->bodies),
      answer_(state_->answers),
      chunk_(kReadAtOnce, '\0'),
      since_(Clock::now().time_since_epoch()) {}

Connection::~Connection() {
  settle(unread_);
  const std::lock_guard lock(state_->mutex);
  state_->connections.erase(this);
}

void Connection::start() {
  net::post(socket_.get_executor(), [self = shared_from_this()] {
    error_code ignored;
    self->socket_.set_option(tcp::no_delay(true), ignored);
    self->socket_.set_option(net::socket_base::send_buffer_size(kKernelHolds), ignored);
    self->enter(Phase::head, self->state_->options.head_seconds);
    self->fill();
  });
}

void Connection::close() {
  net::post(socket_.get_executor(), [self = shared_from_this()] { self->shut(); });
}

void Connection::close_soon() {
  soon_ = true;
  net::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->phase_ == Phase::head || self->kept_) self->shut();
  });
}

void Connection::shut() {
  if (closed_.exchange(true)) return;
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  deadline_.cancel();
  comments_.cancel();
  body_.give_back(), answer_.give_back();
  kept_.reset();  // ends a subscription
}

/** @param seconds in which it must end, or get on where it is one of bytes; of Phase::none without meaning. */
void Connection::enter(Phase phase, double seconds) {
  since_ = Clock::now().time_since_epoch();  // first: nobody shall be late for what came before
  phase_ = phase;
  phase == Phase::none ? void(deadline_.cancel()) : wait(seconds);
}

void Connection::wait(double seconds) {
  window_ = seconds, moved_ = 0;
  deadline_.expires_after(milliseconds(seconds));
  deadline_.async_wait([self = shared_from_this()](error_code error) {
    const bool meant = self->phase_ != Phase::none && self->deadline_.expiry() <= Clock::now();
    if (error || self->closed_ || !meant) return;  // some that were moved or called off had gone off already
    const bool gets_on = double(self->moved_) >= self->window_ * double(self->state_->options.least_rate);
    self->phase_ != Phase::head&& gets_on ? self->wait(self->window_) : self->shut();
  });
}

/** Of a body or an answer. Nobody gains time for later by being fast. */
void Connection::moved(size_t bytes) {
  moved_ += bytes;
  const auto worth = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(bytes / kFairRate));
  since_ = std::min(Clock::now().time_since_epoch(), since_.load() + worth);
}

bool Connection::is_late() const {
  const Phase phase = phase_;
  return (phase == Phase::body || phase == Phase::reading) && Clock::now() - waits_since() >= kLate;
}

void Connection::fill() {
  socket_.async_read_some(net::buffer(chunk_), [self = shared_from_this()](error_code error, size_t count) {
    if (error || self->closed_) return self->shut();
    const bool in_head = self->phase_ == Phase::head;
    // The time for a head counts from its first byte.
    if (in_head && self->in_.empty()) self->wait(self->state_->options.head_seconds);
    if (!in_head) self->moved(count);
    self->in_.append(self->chunk_, 0, count);
    self->look();
  });
}

void Connection::look() {
  if (closed_) return;
  try {
    phase_ == Phase::head ? look_at_head() : look_at_body();
  } catch (...) {
    answer_problem(current_problem());
  }
}

void Connection::look_at_head() {
  const auto end = in_.find("\r\n\r\n");
  if (std::min(end, in_.size()) > kMostHead)
    throw Problem(431, "invalid_request", fmt::format("[head] more than {} bytes", kMostHead));
  if (has_bare_line_end(std::string_view(in_).substr(0, end)))
    throw Problem(400, "invalid_request", "[head] a line that does not end in CR LF");
  if (end == in_.npos) return fill();
  begun_ = Clock::now();
  begin(end + 4);
}

/** With the request whose head is the first so many bytes. */
void Connection::begin(size_t head) {
  request_ = {};
  auto& parser = parser_.emplace();
  in_.erase(0, read_head(std::string_view(in_).substr(0, head), parser, request_));
  http_1_0_ = parser.get().version() < 11;
  keep_alive_ = parser.get().keep_alive();
  plan_ = state_->service.plan(request_);
  expect_body(parser, plan_->most_body);
  continue_reading();
}

void Connection::continue_reading() {
  if (parser_->is_done()) return hand_over();
  enter(Phase::body, state_->options.body_seconds);
  if (!same_letters(request_.headers.get("expect"), "100-continue")) return look_at_body();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  net::async_write(socket_, net::buffer(kContinue),
                   [self = shared_from_this()](error_code error, size_t) { error ? self->shut() : self->look(); });
}

void Connection::look_at_body() {
  while (!in_.empty() && !parser_->is_done()) {
    error_code error;
    const auto taken = parser_->put(net::buffer(in_), error);
    in_.erase(0, taken);
    body_.add(taken);
    if (!state_->make_room(state_->bodies, *this))
      return answer_problem(Problem(503, "busy", "[body] too much is being received; try again later"));
    if (error == http::error::body_limit)
      return answer_problem(
          Problem(413, "invalid_request", fmt::format("[body] expected at most {} bytes", plan_->most_body)));
    if (error && error != http::error::need_more)
      return answer_problem(Problem(400, "invalid_request", fmt::format("[body] {}", error.message())));
    if (taken == 0) break;
  }
  if (!parser_->is_done())
    return in_.size() > kReadAtOnce ? answer_problem(Problem(400, "invalid_request", "[body] no chunk")) : fill();
  request_.body = std::move(parser_->get().body());
  hand_over();
}

void Connection::hand_over() {
  enter(Phase::none);
  auto whole = std::exchange(request_, {});
  request_.method = whole.method, request_.path = whole.path;  // for counting
  net::post(state_->handlers,
            [self = shared_from_this(), answer = plan_->answer, request = std::move(whole)]() mutable {
              if (self->closed_) return;  // the server stops: what has not begun is not done
              auto response = answer(request);
              net::post(self->socket_.get_executor(),
                        [self, response = std::move(response)]() mutable { self->answer(std::move(response)); });
            });
}

void Connection::answer_problem(const Problem& problem) {
  keep_alive_ = false;  // what follows on this socket may not be what it seems
  parser_.reset();      // with what it holds of a body
  enter(Phase::none);
  if (begun_ == Clock::time_point()) begun_ = Clock::now();
  answer(problem_response(problem));
}

void Connection::answer(Response response) {
  if (closed_) return;
  body_.give_back();
  if (auto later = std::exchange(response.later, {})) return answer_later(later);
  if (!has_room(response)) {
    Problem problem(503, "busy", "[answer] too much is being sent; try again later");
    problem.headers.set("Retry-After", "10");
    response = problem_response(problem);
  }
  state_->service.complete(response);
  const std::chrono::duration<double> took = Clock::now() - begun_;
  state_->service.answered(request_, response.status, took.count());
  if (soon_) keep_alive_ = false;
  if (response.stream) return open_stream(response);
  auto head = head_of(response, false);  // which asks for the body's length
  if (request_.method == "HEAD") return write(std::move(head), "", true);
  if (response.pieces.bytes > 0) pieces_ = std::move(response.pieces);
  write(std::move(head), std::move(response.body), pieces_.bytes == 0);
}

bool Connection::has_room(const Response& response) {
  if (request_.method == "HEAD") return true;
  answer_.add(response.body.size());
  if (response.body.size() <= kSmallAnswer || state_->make_room(state_->answers, *this)) return true;
  answer_.give_back();
  return false;
}

void Connection::answer_later(const Later& later) {
  keep_alive_ = false;  // what it sends meanwhile is read away
  watch();
  const auto give = [weak = weak_from_this(), executor = socket_.get_executor()](Response now) {
    net::post(executor, [weak, now = std::move(now)]() mutable {
      const auto self = weak.lock();
      if (!self) return;
      self->kept_.reset();
      self->answer(std::move(now));
    });
  };
  try {
    kept_ = later(give);
  } catch (...) {  // no handler's any more, whose errors App answers
    answer(problem_response(current_problem()));
  }
}

std::string Connection::head_of(const Response& response, bool streamed) const {
  auto head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
  for (const auto& [name, value] : response.headers) head += name + ": " + without_line_ends(value) + "\r\n";
  if (!streamed && response.status != 204 && response.status != 304)
    head += fmt::format("Content-Length: {}\r\n", response.body.size() + response.pieces.bytes);
  if (streamed && !http_1_0_) head += "Transfer-Encoding: chunked\r\n";
  return head + (keep_alive_ && !streamed ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

void Connection::write(std::string bytes, std::string body, bool whole) {
  out_ = std::move(bytes), out_body_ = std::move(body);
  writing_ = true, written_ = 0;
  phase_ == Phase::reading ? wait(state_->options.write_seconds)  // the next piece
                           : enter(Phase::reading, state_->options.write_seconds);
  const std::array<net::const_buffer, 2> buffers{net::buffer(out_), net::buffer(out_body_)};
  const auto at_once = [this](error_code error, size_t done) {  // asked before each part of it
    moved(done - std::exchange(written_, done));
    return error ? 0 : kWriteAtOnce;
  };
  net::async_write(socket_, buffers, at_once, [self = shared_from_this(), whole](error_code error, size_t) {
    self->writing_ = false;
    for (auto* sent : {&self->out_, &self->out_body_})
      std::string().swap(*sent);  // assigned ones may keep their memory
    self->answer_.give_back();
    self->settle(std::exchange(self->out_bytes_, 0));
    if (error) return self->shut();
    whole ? self->wrote() : self->pieces_.bytes > 0 ? self->write_piece() : self->flush();
  });
}

void Connection::write_piece() {
  std::string piece;
  try {
    piece = pieces_.next();
  } catch (...) {  // its length was told: all that can be said is that it is not whole
  }
  if (piece.empty() || piece.size() > pieces_.bytes) return shut();
  pieces_.bytes -= piece.size();
  write(std::move(piece), "", pieces_.bytes == 0);
}

void Connection::wrote() {
  if (!keep_alive_ || soon_) {
    // The client reads all of the answer before the socket ends, also where it is still sending.
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    enter(Phase::reading, 2);
    return watch();
  }
  parser_.reset(), plan_.reset();
  // What has come of the next head has begun its time.
  enter(Phase::head, in_.empty() ? state_->options.idle_seconds : state_->options.head_seconds);
  in_.empty() ? fill() : look();
}

void Connection::open_stream(const Response& response) {
  keep_alive_ = false;
  const bool head_alone = request_.method == "HEAD";
  write(head_of(response, true), "", head_alone);
  if (head_alone) return;
  watch();
  comment();
  try {
    kept_ = response.stream(shared_from_this());
  } catch (...) {  // the status is on its way: all that can be said is that nothing more comes
    end();
  }
}

/** Reads what is not looked at, to know when the client has gone. */
void Connection::watch() {
  if (std::exchange(watching_, true)) return;
  watch_on();
}

void Connection::watch_on() {
  socket_.async_read_some(net::buffer(chunk_), [self = shared_from_this()](error_code error, size_t) {
    error ? self->shut() : self->watch_on();
  });
}

bool Connection::send(std::string bytes) {
  if (closed_) return false;
  const size_t mine = unread_ += bytes.size(), all = state_->stream_bytes += bytes.size();
  if (mine > kMostUnread || (mine > kAlwaysUnread && all > state_->options.most_stream_bytes)) {
    close();
    return false;
  }
  net::post(socket_.get_executor(), [self = shared_from_this(), bytes = std::move(bytes)] {
    if (self->closed_ || self->stream_ended_ || bytes.empty()) return self->settle(bytes.size());
    self->pending_bytes_ += bytes.size();
    self->pending_ += self->http_1_0_ ? bytes : fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
    if (!self->writing_) self->flush();
  });
  return true;
}

void Connection::settle(size_t bytes) {
  unread_ -= bytes;
  state_->stream_bytes -= bytes;
}

void Connection::end() {
  net::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->closed_ || std::exchange(self->stream_ended_, true)) return;
    if (!self->http_1_0_) self->pending_ += "0\r\n\r\n";
    if (!self->writing_) self->flush();
  });
}

void Connection::flush() {
  enter(Phase::none);
  if (!pending_.empty()) {
    out_bytes_ = std::exchange(pending_bytes_, 0);
    return write(std::exchange(pending_, {}), "", false);
  }
  if (!stream_ended_) return;
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  comments_.cancel();
  kept_.reset();
  enter(Phase::reading, 2);
}

void Connection::comment() {
  comments_.expires_after(milliseconds(state_->options.comment_seconds));
  comments_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->closed_ || self->stream_ended_) return;
    self->send(": keep-alive\n\n");
    self->comment();
  });
}

}  // namespace corepulse::server
