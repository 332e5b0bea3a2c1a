// What A1111's clients poll, and how they end what runs.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "http/base64.h"
#include "http/problem.h"
#include "jobs/queue_state.h"
#include "sdapi/sdapi.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

/** Of the job that is drawn, whoever asked for it: it is what others wait for. */
Response show_progress(const Request& request, Context& context) {
  const auto running = context.queue.running();
  const auto jobs = context.queue.jobs().size();
  const int step = running ? running->step : 0, steps = running ? running->steps : 0;
  const double passes = running ? std::max(running->passes, 1) : 1, pass = running ? running->pass - 1 : 0;
  const double progress = steps > 0 ? std::clamp((pass + double(step) / steps) / passes, 0.0, 1.0) : 0;
  const double spent = running ? unix_time() - running->started : 0;
  const auto preview = request.query_value("skip_current_image") == "true" ? "" : context.queue.preview();
  return json_response({{"progress", running ? std::max(progress, 0.001) : 0.0},
                        {"eta_relative", progress > 0 ? spent / progress - spent : 0.0},
                        {"state",
                         {{"skipped", false},
                          {"interrupted", false},
                          {"stopping_generation", false},
                          {"job", running ? running->id : ""},
                          {"job_count", jobs},
                          {"job_timestamp", std::to_string(running ? int64_t(running->started) : 0)},
                          {"job_no", 0},
                          {"sampling_step", step},
                          {"sampling_steps", steps}}},
                        {"current_image", preview.empty() ? json() : json(to_base64(preview))},
                        {"textinfo", nullptr}});
}

/** Only what came by this API: others' jobs are others'. */
Response interrupt(Context& context) {
  if (const auto running = context.queue.running(); running && running->asked.origin == "a1111")
    context.queue.cancel(running->id);
  return json_response(json::object());
}

}  // namespace

void add_sd_progress(Router& router, Context& context) {
  // Of A1111's page: some clients ask it whether anybody is there.
  router.add("GET", "/queue/status", [&](const Request&) {
    return json_response({{"msg", "estimation"}, {"queue_size", context.queue.jobs().size()}});
  });
  router.add("GET", "/sdapi/v1/progress", [&](const Request& request) { return show_progress(request, context); });
  for (const char* path : {"/sdapi/v1/interrupt", "/sdapi/v1/skip"})
    router.add("POST", path, [&](const Request&) { return interrupt(context); },
               {.body = Body::any, .most_body = 4096});
}

}  // namespace corepulse::server
