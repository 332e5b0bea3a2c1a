#pragma once
// A listener that runs while a test does, and clients that may behave as badly as they like.

#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>

#include "http/listener.h"

namespace corepulse::server {

constexpr int kHopeless = 300;  // seconds after which what is waited for will not come

inline void until(const std::function<bool()>& right) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(kHopeless);
  while (!right()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

class Running {
 public:
  Running(Service& service, ListenOptions options) : listener_(service, any_port(std::move(options))) {
    thread_ = std::thread([this] { listener_.run(); });
  }
  ~Running() {
    listener_.stop();
    thread_.join();
  }
  uint16_t port() const { return listener_.port(); }
  ConnectionCounts counts() const { return listener_.counts(); }

 private:
  static ListenOptions any_port(ListenOptions options) {
    options.port = 0;
    return options;
  }
  Listener listener_;
  std::thread thread_;
};

class Client {
 public:
  explicit Client(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    std::signal(SIGPIPE, SIG_IGN);
    const int few = 64 << 10;  // bytes that the kernel reads for it
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &few, sizeof(few));
    const timeval limit{.tv_sec = kHopeless, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /** False: the server has ended the connection. */
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::write(socket_, bytes.data(), bytes.size());
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  /** What comes next, "" at the connection's end. */
  std::string read() {
    std::string bytes(64 << 10, '\0');
    const auto got = ::recv(socket_, bytes.data(), bytes.size(), 0);
    REQUIRE((got >= 0 || errno == ECONNRESET));
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }
  /** All until the connection's end. */
  std::string rest() {
    std::string bytes;
    for (auto more = read(); !more.empty(); more = read()) bytes += more;
    return bytes;
  }

 private:
  int socket_;
};

/** "GET" or "POST" with so long a body; the body is not in it. */
inline std::string head(std::string_view method, size_t length = 0, std::string_view connection = "keep-alive") {
  std::string text(method);
  text.append(" / HTTP/1.1\r\nHost: localhost\r\nConnection: ").append(connection).append("\r\n");
  if (length > 0) text.append("Content-Length: ").append(std::to_string(length)).append("\r\n");
  return text + "\r\n";
}

/** Of an answer; 0: there is none. */
inline int status_in(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

}  // namespace corepulse::server
