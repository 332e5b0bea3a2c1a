// A job's answer: whole at its end, or its previews on the way there.
#include <fmt/format.h>

#include "http/base64.h"
#include "http/events.h"
#include "jobs/queue_state.h"
#include "openai/openai.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

/** What is sent of a job's events, one after the other. */
class ImageEvents {
 public:
  ImageEvents(ImagesAsked asked, const Folder& folder, std::shared_ptr<Sink> sink)
      : asked_(std::move(asked)), folder_(folder), sink_(std::move(sink)) {}

  void take(const Event& event) {
    try {
      if (event.job) size_ = size_of(*event.job), steps_ = event.job->steps;
      if (event.name == "preview") send_partial(json::parse(event.data));
      if (event.last && event.job) send_pictures(*event.job);
    } catch (...) {
      send("error", openai_error_json(current_problem()));
    }
    if (event.last) sink_->end();
  }

 private:
  static std::string size_of(const Job& job) {
    const auto recipe = json::parse(job.resolved, nullptr, false);
    return recipe.is_object() ? fmt::format("{}x{}", recipe.value("width", 0), recipe.value("height", 0)) : "";
  }

  void send(const std::string& name, json data) {
    data["type"] = name;
    sink_->send(sse(name, data.dump(-1, ' ', false, json::error_handler_t::replace)));
  }

  json described(const std::string& png) const {
    return {{"b64_json", to_base64(in_format(png, asked_.format))},
            {"created_at", int64_t(unix_time())},
            {"size", size_},
            {"quality", asked_.quality},
            {"background", "opaque"},
            {"output_format", asked_.format}};
  }

  /** As many as were asked for, at even distances; of the first picture. */
  void send_partial(const json& preview) {
    if (preview.value("image", 0) != 0 || sent_ >= asked_.partial_images) return;
    if (preview.value("step", 0) * (asked_.partial_images + 1) < steps_ * (sent_ + 1)) return;
    auto data = described(from_base64(preview.at("data").get<std::string>()).value_or(""));
    data["partial_image_index"] = sent_++;
    send("image_generation.partial_image", std::move(data));
  }

  void send_pictures(const Job& job) {
    check_drawn(job);
    for (const auto& picture : job.pictures) {
      auto data = described(read_file(folder_.picture(picture.name)));
      data["usage"] = no_tokens();
      data["corepulse"] = answer_notes(job, asked_);
      send("image_generation.completed", std::move(data));
    }
  }

  ImagesAsked asked_;
  const Folder& folder_;
  std::shared_ptr<Sink> sink_;
  std::string size_;
  int steps_ = 0, sent_ = 0;
};

}  // namespace

Response draw_images(const json& recipe, const ImagesAsked& asked, Context& context) {
  const int previews = asked.stream && asked.partial_images > 0 ? 1 : 0;
  Submission submission{.recipe = recipe.dump(), .previews = previews, .origin = "openai"};
  if (asked.stream) {
    // There before the job can begin: as many previews are sent, however fast it is drawn.
    const auto early = std::make_shared<EarlySink>();
    const auto events = std::make_shared<ImageEvents>(asked, context.folder, early);
    const auto watched =
        context.queue.submit(std::move(submission), [events](const Event& event) { events->take(event); });
    return event_stream([early, kept = watched.subscription](std::shared_ptr<Sink> sink) {
      early->open(std::move(sink));
      return kept;
    });
  }
  const auto job = context.queue.submit(std::move(submission));
  Response response;
  response.later = [&context, id = job.id, asked](const std::function<void(Response)>& answer) {
    return context.queue.on_end(id, [&context, asked, answer](const Job& ended) {
      try {
        answer(json_response(images_answer(ended, asked, context.folder)));
      } catch (...) {
        answer(openai_error(current_problem()));
      }
    });
  };
  return response;
}

}  // namespace corepulse::server
