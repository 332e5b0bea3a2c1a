#pragma once
// The one thread that owns all MLX work: MLX's streams are thread-local, and one run at a time is
// fastest anyway.

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <type_traits>

namespace corepulse::engine {

class Engine {
 public:
  /** The process's engine; started at first use and never stopped: MLX's own threads live as long.
   */
  static Engine& instance();

  /** Runs `job` on the engine's thread after all jobs before it, and returns its result or throws
   * its exception. */
  template <class Job>
  auto run(Job&& job) -> std::invoke_result_t<Job> {
    // A job that starts another (a callback that calls back) must not wait for itself.
    if (std::this_thread::get_id() == thread_.get_id()) return job();
    std::packaged_task<std::invoke_result_t<Job>()> task(std::forward<Job>(job));
    auto result = task.get_future();
    post([&task] { task(); });
    return result.get();
  }

  /** Runs `job` later; it must not throw. */
  void post(std::function<void()> job);

 private:
  Engine();
  void loop();

  std::mutex mutex_;
  std::condition_variable waiting_;
  std::deque<std::function<void()>> jobs_;
  std::thread thread_;
};

}  // namespace corepulse::engine
