#pragma once
// How many bytes clients may make the server hold for them, all together.

#include <atomic>
#include <cstddef>

namespace corepulse::server {

/** Any thread may use it. */
struct Room {
  const size_t most;
  std::atomic<size_t> used = 0;
};

/** What one client holds of it. Any thread may use it: what was given back for it is not given back again. */
class Share {
 public:
  explicit Share(Room& room) : room_(room) {}
  ~Share() { give_back(); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  /** First in all, then here: whoever gives it back meanwhile takes away no more than is there. */
  void add(size_t bytes) { room_.used += bytes, bytes_ += bytes; }
  void give_back() { room_.used -= bytes_.exchange(0); }
  size_t bytes() const { return bytes_; }
  bool is_of(const Room& room) const { return &room == &room_; }

 private:
  Room& room_;
  std::atomic<size_t> bytes_ = 0;
};

}  // namespace corepulse::server
