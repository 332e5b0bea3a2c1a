#pragma once
// What takes longer than a drawing may wait for: reading and encoding pictures for those who asked for them. One
// thread does one after the other.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace corepulse::server {

class Errands {
 public:
  Errands() = default;
  /** stop(). */
  ~Errands();
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;
  /** Done in the order in which they come; from any thread, also from an errand. Not done any more after stop(). */
  void add(std::function<void()> errand);
  /** Returns when all that were added are done; not from an errand. */
  void stop();

 private:
  void work();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> errands_;
  bool stopping_ = false;
  std::thread thread_;  ///< From the first errand on.
};

}  // namespace corepulse::server
