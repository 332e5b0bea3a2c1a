// A call that draws: its progress, its pictures.
#include <algorithm>
#include <fmt/format.h>

#include "corepulse/host/image_bytes.h"

#include "files/shrink.h"
#include "http/base64.h"
#include "http/events.h"
#include "http/problem.h"
#include "mcp/mcp.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

/** Of all pictures of a message in base64: the official client reads events of at most 1 MiB. */
constexpr size_t kMostPictures = 900'000;

std::string message_text(const json& message) {
  return sse("message", message.dump(-1, ' ', false, json::error_handler_t::replace));
}

json drawn_for_mcp(const Job& job, const std::string& host, const Folder& folder) {
  try {
    return mcp_pictures(job, host, folder);
  } catch (...) {
    return mcp_failure();
  }
}

/** What is sent of a job's events. */
class McpEvents : public std::enable_shared_from_this<McpEvents> {
 public:
  McpEvents(McpCall call, Context& context, std::shared_ptr<Sink> sink)
      : call_(std::move(call)), folder_(context.folder), queue_(context.queue), sink_(std::move(sink)) {}

  void take(const Event& event) {
    if (event.job && event.job->state == JobState::queued && event.job->position > 0)
      tell(0, event.job->steps, fmt::format("waits behind {}", event.job->position));
    if (event.name == "step") tell_step(json::parse(event.data));
    if (event.last && event.job) queue_.later([self = shared_from_this(), job = *event.job] { self->send_end(job); });
  }

 private:
  void send_end(const Job& job) {
    sink_->send(message_text(mcp_message(call_.id, drawn_for_mcp(job, call_.host, folder_))));
    sink_->end();
  }

  /** Of several passes each is 1: their steps differ. */
  void tell_step(const json& at) {
    if (at["inverting"].get<bool>()) return;
    const int step = at["step"].get<int>(), steps = at["steps"].get<int>(), passes = at["passes"].get<int>();
    auto message = fmt::format("step {} of {}", step, steps);
    if (passes < 2) return tell(step, steps, message);
    const int pass = at["pass"].get<int>();
    tell(pass - 1 + double(step) / steps, passes, message + fmt::format(", pass {} of {}", pass, passes));
  }

  /** It may only rise. */
  void tell(double progress, double total, const std::string& message) {
    if (call_.progress_token.is_null() || progress <= last_) return;
    last_ = progress;
    sink_->send(message_text(
        {{"jsonrpc", "2.0"},
         {"method", "notifications/progress"},
         {"params",
          {{"progressToken", call_.progress_token}, {"progress", progress}, {"total", total}, {"message", message}}}}));
  }

  McpCall call_;
  const Folder& folder_;
  Queue& queue_;
  std::shared_ptr<Sink> sink_;
  double last_ = -1;
};

/** As it is where it fits, else as JPEG, at last a small one. */
json picture_content(const std::string& png, size_t most, json& described) {
  std::string bytes = png, type = "image/png";
  if (png.size() > most) {
    const auto image = decode_image(png);
    bytes = encode_image(image, ".jpg"), type = "image/jpeg";
    for (int side = std::max(image.width, image.height) / 2; bytes.size() > most && side >= 64; side /= 2)
      bytes = encode_image(shrunk(image, side), ".jpg");
  }
  described["sent"] = type;
  return {{"type", "image"}, {"data", to_base64(bytes)}, {"mimeType", type}};
}

json described_file(const std::string& name, const std::string& host) {
  return {{"name", "picture:" + name}, {"url", fmt::format("http://{}/v1/pictures/{}", host, name)}};
}

}  // namespace

json mcp_message(const json& id, json result) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}};
}

json mcp_told(const std::string& text, bool is_error) {
  auto content = json::array();
  content.push_back({{"type", "text"}, {"text", text}});
  return {{"content", content}, {"isError", is_error}};
}

json mcp_failure() {
  const auto problem = current_problem();
  return mcp_told(problem.code + ": " + problem.what(), true);
}

json mcp_pictures(const Job& job, const std::string& host, const Folder& folder) {
  check_drawn(job);
  const auto count = std::max<size_t>(1, job.pictures.size() + job.heat_maps.size());
  const auto most = kMostPictures / 4 * 3 / count;
  auto content = json::array(), pictures = json::array(), maps = json::array();
  const auto add = [&](const std::string& name, json described, json& list) {
    described.update(described_file(name, host));
    content.push_back(picture_content(read_file(folder.picture(name)), most, described));
    list.push_back(std::move(described));
  };
  for (const auto& picture : job.pictures) add(picture.name, {{"seed", picture.seed}}, pictures);
  for (const auto& map : job.heat_maps) add(map.name, {{"word", map.word}}, maps);
  json told = {{"recipe", json::parse(job.resolved, nullptr, false)}, {"notes", job.notes}, {"pictures", pictures}};
  if (!maps.empty()) told["maps"] = maps;
  content.push_back({{"type", "text"}, {"text", told.dump(-1, ' ', false, json::error_handler_t::replace)}});
  return {{"content", content}, {"isError", false}};
}

Response draw_for_mcp(const McpCall& call, Submission submission, Context& context,
                      const std::shared_ptr<McpCalls>& calls) {
  if (call.streams) {
    const auto early = std::make_shared<EarlySink>();
    const auto events = std::make_shared<McpEvents>(call, context, early);
    const auto watched =
        context.queue.submit(std::move(submission), [events](const Event& event) { events->take(event); });
    const auto known = McpCalls::add(calls, call.key, watched.job.id);
    return event_stream([early, known, kept = watched.subscription](std::shared_ptr<Sink> sink) {
      early->open(std::move(sink));
      return std::make_shared<std::pair<std::shared_ptr<void>, std::shared_ptr<void>>>(known, kept);
    });
  }
  const auto job = context.queue.submit(std::move(submission));
  const auto known = McpCalls::add(calls, call.key, job.id);
  Response response;
  response.later = [&context, call, known, id = job.id](const std::function<void(Response)>& answer) {
    return context.queue.on_end(id, [&folder = context.folder, call, known, answer](const Job& ended) {
      answer(json_response(mcp_message(call.id, drawn_for_mcp(ended, call.host, folder))));
    });
  };
  return response;
}

}  // namespace corepulse::server
