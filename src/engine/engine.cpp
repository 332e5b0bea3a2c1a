#include "engine/engine.h"

namespace corepulse::engine {

Engine& Engine::instance() {
  static auto* engine = new Engine;
  return *engine;
}

Engine::Engine() : thread_([this] { loop(); }) {}

void Engine::post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  waiting_.notify_one();
}

void Engine::loop() {
  for (;;) {
    std::unique_lock lock(mutex_);
    waiting_.wait(lock, [this] { return !jobs_.empty(); });
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
  }
}

}  // namespace corepulse::engine
