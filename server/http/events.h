#pragma once
// Server-sent events.

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "http/message.h"

namespace corepulse::server {

/** "id: 3\nevent: step\ndata: {...}\n\n"; every line of `data` is one of the event's. @param id, event "": none. */
std::string sse(std::string_view event, std::string_view data, std::string_view id = "");

/** Keeps what is sent until the client's stream is there, for those who have something to send before. */
class EarlySink : public Sink {
 public:
  bool send(std::string bytes) override;
  void end() override;
  /** From now on all goes there; first what was kept. */
  void open(std::shared_ptr<Sink> sink);

 private:
  std::mutex mutex_;
  std::shared_ptr<Sink> sink_;
  std::string kept_;
  bool ended_ = false;
};

}  // namespace corepulse::server
