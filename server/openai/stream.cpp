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
class ImageEvents : public std::enable_shared_from_this<ImageEvents> {
 public:
  ImageEvents(ImagesAsked asked, Context& context, std::shared_ptr<Sink> sink)
      : asked_(std::move(asked)), folder_(context.folder), queue_(context.queue), sink_(std::move(sink)) {}

  /** Pictures are put into another format, and read from the disk, by the queue's errands. */
  void take(const Event& event) {
    if (event.job) steps_ = event.job->steps;
    if (event.name == "preview" && is_partial(event))
      do_later([index = partials_++, data = event.data](ImageEvents& self) { self.send_partial(index, data); });
    if (event.last && event.job)
      do_later([job = *event.job](ImageEvents& self) { self.send_pictures(job); }, /*end=*/true);
    else if (event.job && event.number == 1)
      do_later([recipe = event.job->resolved](ImageEvents& self) { self.size_ = size_of(recipe); });
  }

 private:
  void do_later(std::function<void(ImageEvents&)> send_some, bool end = false) {
    queue_.later([self = shared_from_this(), send_some = std::move(send_some), end] {
      try {
        send_some(*self);
      } catch (...) {
        self->send("error", openai_error_json(current_problem()));
      }
      if (end) self->sink_->end();
    });
  }

  /** As many as were asked for, at even distances; of the first picture. */
  bool is_partial(const Event& preview) const {
    return preview.image == 0 && partials_ < asked_.partial_images &&
           preview.step * (asked_.partial_images + 1) >= steps_ * (partials_ + 1);
  }

  static std::string size_of(const std::string& resolved) {
    const auto recipe = json::parse(resolved, nullptr, false);
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

  void send_partial(int index, const std::string& preview) {
    auto data = described(from_base64(json::parse(preview).at("data").get<std::string>()).value_or(""));
    data["partial_image_index"] = index;
    send(std::string(asked_.events) + ".partial_image", std::move(data));
  }

  void send_pictures(const Job& job) {
    check_drawn(job);
    size_ = size_of(job.resolved);
    for (const auto& picture : job.pictures) {
      auto data = described(read_file(folder_.picture(picture.name)));
      data["usage"] = no_tokens();
      data["corepulse"] = answer_notes(job, asked_);
      send(std::string(asked_.events) + ".completed", std::move(data));
    }
  }

  ImagesAsked asked_;
  const Folder& folder_;
  Queue& queue_;
  std::shared_ptr<Sink> sink_;
  int steps_ = 0, partials_ = 0;  // of events
  std::string size_;              // of errands
};

}  // namespace

Response draw_images(const json& recipe, const ImagesAsked& asked, Context& context) {
  const int previews = asked.stream && asked.partial_images > 0 ? 1 : 0;
  Submission submission{.recipe = recipe.dump(), .previews = previews, .origin = "openai"};
  if (asked.stream) {
    // There before the job can begin: as many previews are sent, however fast it is drawn.
    const auto early = std::make_shared<EarlySink>();
    const auto events = std::make_shared<ImageEvents>(asked, context, early);
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
    return context.queue.on_end(id, [&folder = context.folder, asked, answer](const Job& ended) {
      try {
        answer(json_response(images_answer(ended, asked, folder)));
      } catch (...) {
        answer(openai_error(current_problem()));
      }
    });
  };
  return response;
}

}  // namespace corepulse::server
