#pragma once
// Who listens to a job.

#include <cstdint>
#include <map>
#include <string>

#include "jobs/queue.h"

namespace corepulse::server {

/** Used under the queue's lock. */
class Channel {
 public:
  uint64_t add(EventListener listener) {
    listeners_.emplace(++last_, std::move(listener));
    return last_;
  }
  /** The listener that is taken out, to be destroyed without the lock: it may hold what unsubscribes. */
  EventListener take(uint64_t key) {
    const auto found = listeners_.find(key);
    if (found == listeners_.end()) return {};
    auto listener = std::move(found->second);
    listeners_.erase(found);
    return listener;
  }
  Event event(std::string name, std::string data, bool last = false) {
    return next({.name = std::move(name), .data = std::move(data), .last = last});
  }
  /** The same, as the channel's next. */
  Event next(Event event) {
    event.number = ++number_;
    return event;
  }
  void tell(const Event& event) const {
    for (const auto& [key, listener] : listeners_) listener(event);
  }
  bool has_listeners() const { return !listeners_.empty(); }

 private:
  uint64_t last_ = 0, number_ = 0;
  std::map<uint64_t, EventListener> listeners_;
};

}  // namespace corepulse::server
