#include "jobs/queue.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <system_error>

#include "http/problem.h"
#include "jobs/queue_state.h"

namespace corepulse::server {
namespace {

std::string job_text(const Job& job) {
  return to_json(job).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/** Of what its client sent, and of what that was resolved to. */
size_t bytes_of(const Job& job) {
  size_t bytes = job.asked.recipe.size() + job.asked.sweep.size() + job.resolved.size() + job.prompt.size();
  for (const auto& word : job.asked.heat_maps) bytes += word.size();
  return bytes;
}

}  // namespace

double unix_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void Queue::State::insert(Job job) {
  job.state = JobState::queued;
  const auto before = [](const Job& a, const Job& b) {
    return a.asked.priority != b.asked.priority ? a.asked.priority > b.asked.priority : a.number < b.number;
  };
  waiting.insert(std::upper_bound(waiting.begin(), waiting.end(), job, before), std::move(job));
}

void Queue::State::require_place(size_t bytes) {
  if (stopping) throw Problem(503, "stopping", "[jobs] the server is stopping");
  for (const auto& job : waiting) bytes += bytes_of(job);
  const bool few = waiting.size() + reserved < limits.most_waiting;
  if (few && bytes + reserved_bytes <= limits.most_waiting_bytes) return;
  ++counts.refused;
  if (!few) throw busy(fmt::format("[jobs] {} wait already; try again later", limits.most_waiting), 5);
  throw busy(fmt::format("[jobs] those that wait hold {} bytes already; try again later", limits.most_waiting_bytes),
             5);
}

std::vector<Job> Queue::State::waiting_jobs() const {
  auto jobs = waiting;
  for (size_t i = 0; i < jobs.size(); ++i) jobs[i].position = position_of(i);
  return jobs;
}

void Queue::State::tell(const std::string& id, const char* name, const std::function<std::string()>& data) {
  const auto found = channels.find(id);
  if (found == channels.end() || !found->second.has_listeners()) return;
  found->second.tell(found->second.event(name, data()));
}

void Queue::State::tell(const std::string& id, const Event& event) {
  const auto found = channels.find(id);
  if (found != channels.end() && found->second.has_listeners()) found->second.tell(found->second.next(event));
}

void Queue::State::tell(const Job& job) {
  const auto found = channels.find(job.id);
  if (found == channels.end() || !found->second.has_listeners()) return;
  auto event = found->second.event("job", job_text(job), is_final(job.state));
  event.job = &job;
  found->second.tell(event);
}

std::optional<Job> Queue::State::current(const std::string& id) const {
  if (running && running->id == id) return running;
  if (const auto found = ending.find(id); found != ending.end()) return found->second;
  const auto found = std::find_if(waiting.begin(), waiting.end(), [&](const Job& one) { return one.id == id; });
  if (found == waiting.end()) return std::nullopt;
  auto job = *found;
  job.position = position_of(size_t(found - waiting.begin()));
  return job;
}

std::optional<Channel> Queue::State::take_channel(const std::string& id) {
  const auto found = channels.find(id);
  if (found == channels.end()) return std::nullopt;
  auto channel = std::move(found->second);
  channels.erase(found);
  return channel;
}

std::shared_ptr<void> Queue::State::listen(const std::shared_ptr<State>& self, const Job& job, EventListener listener) {
  auto& channel = channels[job.id];
  auto first = channel.event("job", job_text(job));
  first.job = &job;
  listener(first);
  if (job.state == JobState::running)
    for (const auto& event : preview_events) listener(channel.next(event));
  const auto key = channel.add(std::move(listener));
  return std::shared_ptr<void>(nullptr, [self, id = job.id, key](void*) {
    EventListener ended;  // destroyed without the lock
    const std::lock_guard inner(self->mutex);
    if (const auto found = self->channels.find(id); found != self->channels.end()) ended = found->second.take(key);
  });
}

void Queue::State::save(const Job& job) {
  const std::lock_guard alone(saving);
  {
    const std::lock_guard lock(mutex);
    unsaved.insert_or_assign(job.id, job);
  }
  save_rest();
}

void Queue::State::save_rest() {
  std::vector<Job> jobs;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [id, one] : unsaved) jobs.push_back(one);
  }
  for (const auto& one : jobs) {
    try {
      store.update(one);
    } catch (const Error&) {
      continue;  // whatever is wrong with this one keeps no other from the disk
    }
    const std::lock_guard lock(mutex);
    unsaved.erase(one.id);
  }
}

void Queue::State::finish(const Job& job) {
  save(job);
  std::optional<Channel> channel;
  const std::lock_guard lock(mutex);
  tell(job);
  channel = take_channel(job.id);
  ending.erase(job.id);
  if (running && running->id == job.id) running.reset(), watch.reset(), preview.clear(), preview_events.clear();
}

Queue::Queue(Store& store, Drawing& drawing, const Folder& folder, const Limits& limits)
    : state_(std::make_shared<State>(store, drawing, folder, limits)) {
  for (auto& job : store.unfinished()) {
    const bool begun = job.state == JobState::running;
    // One that brought the server down twice, or that was changed while it ran, is not begun again.
    if (begun && (job.edited || job.attempts >= 2)) {
      job.state = JobState::interrupted, job.finished = unix_time();
      store.update(job);
      continue;
    }
    job.state = JobState::queued, job.started = 0;
    if (begun) store.update(job);
    state_->insert(std::move(job));
  }
  state_->worker = std::thread([state = state_] { state->work(); });
}

Queue::~Queue() {
  stop();
}

void Queue::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    if (state_->watch) *state_->watch->stop = true;
  }
  state_->changed.notify_all();
  if (state_->worker.joinable()) state_->worker.join();
  {
    const std::lock_guard alone(state_->saving);
    state_->save_rest();  // the last time: what is not stored now is drawn again
  }
  state_->errands->stop();
}

Job Queue::submit(Submission asked) {
  return submit(std::move(asked), {}).job;
}

Queue::Watched Queue::submit(Submission asked, EventListener listener) {
  auto& state = *state_;
  Job job{.id = new_id(), .asked = std::move(asked), .created = unix_time()};
  {
    const std::lock_guard lock(state.mutex);
    state.require_place(bytes_of(job));
  }
  state.drawing.check(job);
  const auto bytes = bytes_of(job);
  {
    const std::lock_guard lock(state.mutex);
    state.require_place(bytes);
    ++state.reserved, state.reserved_bytes += bytes;
  }
  try {
    state.store.add(job);
  } catch (...) {
    const std::lock_guard lock(state.mutex);
    --state.reserved, state.reserved_bytes -= bytes;
    throw;
  }
  const std::lock_guard lock(state.mutex);
  --state.reserved, state.reserved_bytes -= bytes, ++state.counts.submitted;
  state.insert(job);
  state.changed.notify_all();
  Watched watched{state.current(job.id).value_or(job), nullptr};
  if (listener) watched.subscription = state.listen(state_, watched.job, std::move(listener));
  return watched;
}

std::optional<Job> Queue::find(const std::string& id) {
  {
    const std::lock_guard lock(state_->mutex);
    if (auto job = state_->current(id)) return job;
    if (const auto found = state_->unsaved.find(id); found != state_->unsaved.end()) return found->second;
  }
  return state_->store.job(id);
}

std::vector<Job> Queue::jobs() {
  const std::lock_guard lock(state_->mutex);
  auto jobs = state_->waiting_jobs();
  if (state_->running) jobs.push_back(*state_->running);
  std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.number < b.number; });
  return jobs;
}

std::optional<Job> Queue::running() {
  const std::lock_guard lock(state_->mutex);
  return state_->running;
}

std::string Queue::preview() {
  const std::lock_guard lock(state_->mutex);
  return state_->preview;
}

bool Queue::cancel(const std::string& id) {
  std::optional<Job> job;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->running && state_->running->id == id) {
      state_->cancelling = true;
      if (state_->watch) *state_->watch->stop = true;
      return true;
    }
    auto& waiting = state_->waiting;
    const auto found = std::find_if(waiting.begin(), waiting.end(), [&](const Job& one) { return one.id == id; });
    if (found == waiting.end()) return false;
    job = std::move(*found);
    waiting.erase(found);
    state_->ending.emplace(id, *job);
    ++state_->counts.cancelled;
  }
  job->state = JobState::cancelled, job->finished = unix_time();
  state_->finish(*job);
  return true;
}

void Queue::edit(const std::string& id, const std::string& controls) {
  std::optional<Job> job;
  std::shared_ptr<Watch> watch;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->running && state_->running->id == id) job = state_->running, watch = state_->watch;
  }
  if (!job || !watch) {
    if (!find(id)) throw missing("[id] there is no such job");
    throw Problem(409, "conflict", "[id] the job is not running: its controls cannot be changed");
  }
  if (job->asked.kind != "generate") throw Problem(409, "conflict", "[id] a sweep's controls are its cells' own");
  state_->drawing.edit(*job, *watch, controls);
  state_->store.mark_edited(job->number);
  const std::lock_guard lock(state_->mutex);
  if (!state_->running || state_->running->id != id) return;
  state_->running->edited = true;
  state_->tell(id, "edit", [&] {
    const auto list = nlohmann::json::parse(controls, nullptr, false);
    return nlohmann::json{{"step", state_->running->step}, {"controls", list}}.dump();
  });
}

bool Queue::purge(const std::string& id) {
  const auto job = find(id);
  if (!job || !is_final(job->state)) return false;
  std::error_code ignored;
  const auto remove = [&](const std::string& name) {
    std::filesystem::remove(state_->folder.picture(name), ignored);
    std::filesystem::remove(state_->folder.thumb(name), ignored);
  };
  const std::lock_guard alone(state_->saving);  // nobody stores it again
  const bool found = state_->store.remove(id);
  {
    const std::lock_guard lock(state_->mutex);
    state_->unsaved.erase(id);
  }
  for (const auto& picture : job->pictures) remove(picture.name);
  for (const auto& map : job->heat_maps) remove(map.name);
  return found;
}

std::shared_ptr<void> Queue::subscribe(const std::string& id, EventListener listener) {
  {
    const std::lock_guard lock(state_->mutex);
    if (const auto job = state_->current(id)) return state_->listen(state_, *job, std::move(listener));
  }
  const auto job = find(id);
  if (!job) throw missing("[id] there is no such job");
  listener({.name = "job", .data = job_text(*job), .number = 1, .last = true, .job = &*job});
  return nullptr;
}

std::shared_ptr<void> Queue::on_end(const std::string& id, std::function<void(const Job&)> ended) {
  return subscribe(id, [ended = std::move(ended), errands = state_->errands](const Event& event) {
    if (event.last && event.job) errands->add([ended, job = *event.job] { ended(job); });
  });
}

void Queue::later(std::function<void()> errand) {
  state_->errands->add(std::move(errand));
}

QueueCounts Queue::counts() {
  const std::lock_guard lock(state_->mutex);
  auto counts = state_->counts;
  counts.waiting = state_->waiting.size();
  counts.running = state_->running.has_value();
  return counts;
}

}  // namespace corepulse::server
