#pragma once
// One client's socket: requests one after the other, each answered before the next is read. Only listener.cpp,
// connection.cpp and parser.cpp see Boost.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "http/listener.h"
#include "http/parser.h"
#include "http/room.h"

namespace corepulse::server {

namespace net = boost::asio;
using tcp = net::ip::tcp;

class Connection;
using Connections = std::vector<std::shared_ptr<Connection>>;

struct Listener::State : std::enable_shared_from_this<Listener::State> {
  State(Service& what_answers, const ListenOptions& given)
      : service(what_answers),
        options(given),
        bodies{given.most_body_bytes},
        answers{given.most_answer_bytes},
        acceptor(net::make_strand(io)),
        retry(acceptor.get_executor()),
        handlers(size_t(given.handlers)) {}
  void open();
  void accept();
  void admit(tcp::socket socket);
  void stop();
  /**
   * Where more is held than there is room for: closes those who hold it and are late, the latest first.
   * @returns false, and closes none, where that would not do, or would close `who`, who asks.
   */
  bool make_room(const Room& room, const Connection& who);
  // Under the mutex; what `all` gives is let go without it, since destructors take it.
  Connections all() const;
  void evict(Connection& connection);

  Service& service;
  ListenOptions options;
  Room bodies, answers;
  net::io_context io;
  tcp::acceptor acceptor;  // on a strand of its own, so that stop and accept do not meet
  net::steady_timer retry;
  net::thread_pool handlers;
  std::optional<net::executor_work_guard<net::io_context::executor_type>> work;
  std::mutex mutex;  // taken on strands, and never waits for one
  std::map<Connection*, std::weak_ptr<Connection>> connections;
  std::atomic<bool> stopping = false;
  std::atomic<size_t> stream_bytes = 0;
  std::atomic<uint64_t> accepted = 0, evicted = 0, refused = 0;
};

/** All of it happens on the socket's strand, but for what says otherwise. */
class Connection : public Sink, public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, std::shared_ptr<Listener::State> state);
  ~Connection() override;
  void start();
  // From any thread:
  void close();
  void close_soon();  ///< Behind the answer under way, if there is one.
  bool is_idle() const { return phase_ == Phase::head; }
  /** Whether its client has kept it waiting for a second in the middle of a body or of an answer. */
  bool is_late() const;
  /** Since when: in a body and an answer bytes count as the time that they would take at a fair rate. */
  std::chrono::steady_clock::time_point waits_since() const { return std::chrono::steady_clock::time_point(since_); }
  Share& share(const Room& room) { return body_.is_of(room) ? body_ : answer_; }
  bool send(std::string bytes) override;
  void end() override;

 private:
  /** What is expected of the client: to send a head or a body, nothing, to read. */
  enum class Phase : uint8_t { head, body, none, reading };
  void enter(Phase phase, double seconds = 0);
  void wait(double seconds);
  void moved(size_t bytes);
  void fill();
  void look();
  void look_at_head();
  void begin(size_t head);
  void continue_reading();
  void look_at_body();
  void hand_over();
  void answer(Response response);
  bool has_room(const Response& response);
  void answer_later(const Later& later);
  void answer_problem(const class Problem& problem);
  std::string head_of(const Response& response, bool streamed) const;
  void write(std::string bytes, std::string body, bool whole);
  void write_piece();
  void wrote();
  void open_stream(const Response& response);
  void watch();
  void watch_on();
  void flush();
  void comment();
  void shut();
  void settle(size_t bytes);

  tcp::socket socket_;
  net::steady_timer deadline_, comments_;
  std::shared_ptr<Listener::State> state_;
  Share body_, answer_;                        // what it holds of the state's rooms
  std::string in_, out_, out_body_, pending_;  // bytes received, being sent, being sent behind them, to be sent
  std::string chunk_;
  std::optional<Parser> parser_;
  std::optional<Service::Plan> plan_;
  Request request_;
  Pieces pieces_;               // what is to be sent of them
  std::shared_ptr<void> kept_;  // of a stream, or of an answer that comes later
  bool keep_alive_ = true, http_1_0_ = false, writing_ = false, stream_ended_ = false, watching_ = false;
  std::chrono::steady_clock::time_point begun_;
  std::atomic<std::chrono::steady_clock::duration> since_{};
  std::atomic<Phase> phase_ = Phase::head;
  double window_ = 0;               // seconds in which the phase must end or get on
  size_t moved_ = 0, written_ = 0;  // bytes in this window; of what is being sent
  std::atomic<bool> closed_ = false, soon_ = false;
  size_t pending_bytes_ = 0, out_bytes_ = 0;  // of pending_ and out_, what a stream sent
  std::atomic<size_t> unread_ = 0;            // sent, and not read by the client
};

}  // namespace corepulse::server
