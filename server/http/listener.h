#pragma once
// Sockets: accepts connections, reads requests, sends answers. The only part that knows Boost.Beast.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "http/message.h"

namespace corepulse::server {

/** What answers. All methods are called from several threads. */
class Service {
 public:
  virtual ~Service() = default;
  struct Plan {
    size_t most_body = 0;
    std::function<Response(const Request&)> answer;  ///< May take milliseconds. Throws nothing.
  };
  /** For a request without its body. @throws Problem: then the body is not read and the connection ends. */
  virtual Plan plan(Request& head) = 0;
  /** Adds to any answer, before it is sent, the headers that all have. */
  virtual void complete(Response& response) = 0;
  /** Of a request that was answered, for counting. */
  virtual void answered(const Request& request, int status, double seconds) = 0;
};

struct ListenOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 7860;                        ///< 0: any that is free.
  int io_threads = 2, handlers = 4;            ///< Threads for sockets, and for handlers.
  int most_connections = 512;                  ///< Then the one idle longest is closed, else the slowest client's.
  size_t most_body_bytes = size_t{512} << 20;  ///< Of all bodies that are being received or handled, else 503.
  /** Of all answers that are being sent, else 503; those of at most 64 KiB are sent whatever others hold. */
  size_t most_answer_bytes = size_t{512} << 20;
  /** Of all streams, sent and not read by their clients; above it those end that hold more than 1 MiB of it. */
  size_t most_stream_bytes = size_t{256} << 20;
  /** For a whole head, or until its first byte comes; of a body or an answer so much must get on in each such time. */
  double head_seconds = 10, idle_seconds = 60, body_seconds = 60, write_seconds = 60;
  size_t least_rate = 1024;  ///< Bytes a second.
  double comment_seconds = 15;
};

struct ConnectionCounts {
  int open = 0;
  uint64_t accepted = 0, evicted = 0, refused = 0;
};

class Listener {
 public:
  /** Listens, but answers nobody before run. @throws Error{io} where the address cannot be had. */
  Listener(Service& service, const ListenOptions& options);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  uint16_t port() const;
  /** Until stop is called, from any thread, and the last handler has returned. */
  void run();
  /** Takes no more connections and ends those there are, answers under way within a second. */
  void stop();
  ConnectionCounts counts() const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace corepulse::server
