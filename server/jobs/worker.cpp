// The thread that draws: one job after the other.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "http/base64.h"
#include "http/problem.h"
#include "jobs/queue_state.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

std::string step_text(const Watch::Step& step) {
  return json{{"step", step.step},           {"steps", step.steps}, {"pass", step.pass},     {"passes", step.passes},
              {"inverting", step.inverting}, {"sigma", step.sigma}, {"acting", step.acting}, {"seconds", step.seconds}}
      .dump();
}

std::string preview_text(const Watch::Step& step, size_t image, const std::string& base64) {
  return json{{"step", step.step}, {"image", image}, {"type", "image/png"}, {"data", base64}}.dump();
}

}  // namespace

void Queue::State::work() {
  for (;;) {
    std::optional<Job> job;
    std::shared_ptr<Watch> watching;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return stopping || !waiting.empty(); });
      if (stopping) return;
      job = std::move(waiting.front());
      waiting.erase(waiting.begin());
      job->state = JobState::running, job->started = unix_time(), ++job->attempts;
      watching = watch = std::make_shared<Watch>();
      cancelling = false;
      running = job;
      tell(*job);
    }
    save(*job);
    draw(*job, watching);
    end(std::move(*job));
  }
}

void Queue::State::draw(Job& job, const std::shared_ptr<Watch>& watching) {
  watching->on_step = [this](const Watch::Step& step) { on_step(step); };
  watching->on_cell = [this](const Job& now) {
    auto further = now;
    further.attempts = 1;  // it is not this job that brings the server down: the next cell may be begun twice, too
    save(further);
    const std::lock_guard lock(mutex);
    if (running) running->pictures = now.pictures, running->attempts = 1;
    if (running) tell(*running);
  };
  try {
    drawing.draw(job, *watching);
    job.state = JobState::done;
  } catch (...) {
    fail(job);
  }
  const std::lock_guard lock(mutex);
  job.step = running->step, job.steps = running->steps, job.sigma = running->sigma;
  job.pass = running->pass, job.passes = running->passes;
  job.edited = running->edited, job.attempts = running->attempts;
}

void Queue::State::fail(Job& job) {
  const auto problem = current_problem();
  job.state = problem.code == name(ErrorCode::cancelled) ? JobState::cancelled : JobState::failed;
  if (job.state == JobState::failed) job.error = JobError{problem.status, problem.code, problem.what()};
}

void Queue::State::end(Job job) {
  {
    const std::lock_guard lock(mutex);
    const bool stopped = job.state == JobState::cancelled && stopping && !cancelling;
    if (stopped && !job.edited) {
      // Drawn anew after the next start, to the same bits.
      job.state = JobState::queued, job.started = 0, --job.attempts;
    } else {
      if (stopped) job.state = JobState::interrupted;
      job.finished = unix_time();
      (job.state == JobState::done ? counts.done : job.state == JobState::failed ? counts.failed : counts.cancelled)++;
    }
  }
  finish(job);
}

void Queue::State::on_step(const Watch::Step& step) {
  std::vector<Event> previews;
  for (size_t i = 0; i < step.previews.size(); ++i)
    previews.push_back({.name = "preview",
                        .data = preview_text(step, i, to_base64(step.previews[i])),
                        .step = step.step,
                        .image = int(i)});
  const std::lock_guard lock(mutex);
  if (!running) return;
  running->step = step.step, running->steps = step.steps, running->sigma = step.sigma;
  running->pass = step.pass, running->passes = step.passes;
  ++counts.steps, counts.step_seconds += step.seconds;
  tell(running->id, "step", [&] { return step_text(step); });
  if (previews.empty()) return;
  for (const auto& event : previews) tell(running->id, event);
  preview = step.previews[0];
  preview_events = std::move(previews);
}

}  // namespace corepulse::server
