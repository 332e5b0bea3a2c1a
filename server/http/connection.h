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

#include "http/listener.h"
#include "http/parser.h"

namespace corepulse::server {

namespace net = boost::asio;
using tcp = net::ip::tcp;

class Connection;

struct Listener::State : std::enable_shared_from_this<Listener::State> {
  State(Service& answers, const ListenOptions& given)
      : service(answers),
        options(given),
        acceptor(net::make_strand(io)),
        retry(acceptor.get_executor()),
        handlers(size_t(given.handlers)) {}
  void open();
  void accept();
  void admit(tcp::socket socket);
  void stop();

  Service& service;
  ListenOptions options;
  net::io_context io;
  tcp::acceptor acceptor;  // on a strand of its own, so that stop and accept do not meet
  net::steady_timer retry;
  net::thread_pool handlers;
  std::optional<net::executor_work_guard<net::io_context::executor_type>> work;
  std::mutex mutex;
  std::map<Connection*, std::weak_ptr<Connection>> connections;
  std::atomic<bool> stopping = false;
  std::atomic<size_t> body_bytes = 0, stream_bytes = 0;
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
  std::chrono::steady_clock::time_point idle_since() const {
    return std::chrono::steady_clock::time_point(idle_since_);
  }
  bool is_idle() const { return idle_; }
  bool send(std::string bytes) override;
  void end() override;

 private:
  void fill();
  void look();
  void look_at_head();
  void begin(size_t head);
  void continue_reading();
  void look_at_body();
  void hand_over();
  void answer(Response response);
  void answer_later(const Later& later);
  void answer_problem(const class Problem& problem);
  std::string head_of(const Response& response, bool streamed) const;
  void write(std::string bytes, bool whole);
  void wrote();
  void open_stream(const Response& response);
  void watch();
  void watch_on();
  void flush();
  void comment();
  void shut();
  void arm(double seconds);
  void expect_head(double seconds);
  void give_back_body();
  void settle(size_t bytes);

  tcp::socket socket_;
  net::steady_timer deadline_, comments_;
  std::shared_ptr<Listener::State> state_;
  std::string in_, out_, pending_;  // bytes received, being sent, to be sent
  std::string chunk_;
  std::optional<Parser> parser_;
  std::optional<Service::Plan> plan_;
  Request request_;
  std::shared_ptr<void> kept_;  // of a stream, or of an answer that comes later
  bool keep_alive_ = true, http_1_0_ = false, in_body_ = false, answering_ = false, writing_ = false;
  bool streaming_ = false, stream_ended_ = false, watching_ = false;
  int writes_ = 0;
  size_t reserved_ = 0;
  std::chrono::steady_clock::time_point begun_;
  std::atomic<std::chrono::steady_clock::duration> idle_since_{};
  std::atomic<bool> idle_ = true, closed_ = false, soon_ = false;
  size_t pending_bytes_ = 0, out_bytes_ = 0;  // of pending_ and out_, what a stream sent
  std::atomic<size_t> unread_ = 0;            // sent, and not read by the client
};

}  // namespace corepulse::server
