// A queue whose jobs are checked as all are, and then drawn without an engine: each is one grey picture.
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "corepulse/host/image_bytes.h"

#include "http/base64.h"
#include "http/problem.h"
#include "jobs/queue_state.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

void tell_all(const Job& drawn, const std::string& png, const EventListener& listener) {
  const auto text = [](const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); };
  auto queued = drawn;
  queued.state = JobState::queued, queued.position = 1, queued.pictures.clear();
  listener({"job", text(to_json(queued)), 1, false, &queued});
  listener(
      {"step",
       text({{"step", 1}, {"steps", drawn.steps}, {"pass", 1}, {"passes", 1}, {"sigma", 1.0}, {"inverting", false}})});
  listener({"preview", text({{"step", drawn.steps}, {"image", 0}, {"type", "image/png"}, {"data", to_base64(png)}})});
  listener({"job", text(to_json(drawn)), 4, true, &drawn});
}

}  // namespace

double unix_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Queue::Queue(Store& store, Drawing& drawing, const Folder& folder, const Limits& limits)
    : state_(std::make_shared<State>(store, drawing, folder, limits)) {
  state_->preview = encode_image(Image{.width = 8, .height = 8, .pixels = std::vector<uint8_t>(192, 128)}, ".png");
  write_file(folder.picture("drawn-0"), state_->preview);
}

Queue::~Queue() = default;

Job Queue::submit(Submission asked) {
  return submit(std::move(asked), {}).job;
}

Queue::Watched Queue::submit(Submission asked, EventListener listener) {
  Job job{.id = "drawn", .number = 1, .asked = std::move(asked), .created = unix_time()};
  state_->drawing.check(job);
  const auto queued = job;
  job.state = JobState::done;
  job.pictures = {{.name = "drawn-0", .seed = 1, .width = 8, .height = 8}};
  state_->running = job;
  if (listener) tell_all(job, state_->preview, listener);
  return {queued, nullptr};
}

std::optional<Job> Queue::find(const std::string& id) {
  return state_->running && id == state_->running->id ? state_->running : std::nullopt;
}

std::vector<Job> Queue::jobs() {
  return state_->running ? std::vector<Job>{*state_->running} : std::vector<Job>();
}

std::optional<Job> Queue::running() {
  return state_->running;
}

std::string Queue::preview() {
  return state_->preview;
}

bool Queue::cancel(const std::string&) {
  return false;
}

void Queue::edit(const std::string& id, const std::string& controls) {
  const auto job = find(id);
  if (!job) throw missing("[id] there is no such job");
  Watch watch;
  state_->drawing.edit(*job, watch, controls);
}

bool Queue::purge(const std::string&) {
  return true;
}

std::shared_ptr<void> Queue::subscribe(const std::string& id, EventListener listener) {
  const auto job = find(id);
  if (!job) throw missing("[id] there is no such job");
  tell_all(*job, state_->preview, listener);
  return nullptr;
}

std::shared_ptr<void> Queue::on_end(const std::string& id, std::function<void(const Job&)> ended) {
  const auto job = find(id);
  if (!job) throw missing("[id] there is no such job");
  ended(*job);
  return nullptr;
}

QueueCounts Queue::counts() {
  return {};
}

void Queue::stop() {}

}  // namespace corepulse::server
