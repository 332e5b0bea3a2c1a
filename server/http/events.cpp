#include "http/events.h"

#include <algorithm>
#include <utility>

namespace corepulse::server {

std::string sse(std::string_view event, std::string_view data, std::string_view id) {
  std::string text;
  if (!id.empty()) text.append("id: ").append(id).append("\n");
  if (!event.empty()) text.append("event: ").append(event).append("\n");
  for (size_t begin = 0; begin <= data.size();) {
    const auto end = std::min(data.find_first_of("\r\n", begin), data.size());
    text.append("data: ").append(data.substr(begin, end - begin)).append("\n");
    begin = end + (data.substr(end, 2) == "\r\n" ? 2 : 1);
  }
  return text += "\n";
}

bool EarlySink::send(std::string bytes) {
  const std::lock_guard lock(mutex_);
  if (sink_) return sink_->send(std::move(bytes));
  kept_ += bytes;
  return true;
}

void EarlySink::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  if (sink_) sink_->end();
}

void EarlySink::open(std::shared_ptr<Sink> sink) {
  const std::lock_guard lock(mutex_);
  sink_ = std::move(sink);
  if (!kept_.empty()) sink_->send(std::exchange(kept_, {}));
  if (ended_) sink_->end();
}

}  // namespace corepulse::server
