#include "jobs/errands.h"

#include <utility>

namespace corepulse::server {

Errands::~Errands() {
  stop();
}

void Errands::add(std::function<void()> errand) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  errands_.push_back(std::move(errand));
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_one();
}

void Errands::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Errands::work() {
  for (;;) {
    std::function<void()> errand;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !errands_.empty(); });
      if (errands_.empty()) return;
      errand = std::move(errands_.front());
      errands_.pop_front();
    }
    try {
      errand();
    } catch (...) {
      // Memory ran out, say: this one gets no answer, and the next one may.
    }
  }
}

}  // namespace corepulse::server
