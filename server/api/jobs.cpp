// Jobs: asked for, listed, listened to, changed, ended.
#include <nlohmann/json.hpp>

#include "api/api.h"
#include "http/body.h"
#include "http/events.h"
#include "http/problem.h"
#include "mcp/mcp.h"
#include "openai/openai.h"
#include "sdapi/sdapi.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

Response submit_job(const Request& request, Context& context) {
  const auto job = context.queue.submit(submission_of(read_json(request.body)));
  auto response = json_response({{"id", job.id}, {"state", name(job.state)}, {"position", job.position}}, 201);
  response.headers.set("Location", "/v1/jobs/" + job.id);
  return response;
}

Job job_of(const Request& request, Context& context) {
  auto job = context.queue.find(request.parameters.at("id"));
  if (!job) throw missing("[id] there is no such job");
  return *job;
}

Response list_jobs(Context& context) {
  auto jobs = json::array();
  for (const auto& job : context.queue.jobs()) jobs.push_back(to_json(job));
  return json_response({{"jobs", jobs}});
}

Response job_events(const Request& request, Context& context) {
  const auto id = job_of(request, context).id;
  return event_stream([&queue = context.queue, id](std::shared_ptr<Sink> sink) -> std::shared_ptr<void> {
    try {
      return queue.subscribe(id, [sink](const Event& event) {
        sink->send(sse(event.name, event.data, std::to_string(event.number)));
        if (event.last) sink->end();
      });
    } catch (const Problem&) {  // purged since
      sink->end();
      return nullptr;
    }
  });
}

Response edit_job(const Request& request, Context& context) {
  const auto body = read_json(request.body);
  check_fields(body, {"controls"});
  const auto controls = body.find("controls");
  if (controls == body.end() || !controls->is_array())
    throw Problem(400, "invalid_request", "[controls] expected a list");
  context.queue.edit(request.parameters.at("id"), controls->dump());
  return json_response(to_json(job_of(request, context)));
}

Response end_job(const Request& request, Context& context) {
  const auto job = job_of(request, context);
  if (context.queue.cancel(job.id)) return json_response({{"id", job.id}}, 202);
  if (request.query_number("purge", 0, 0, 1) == 0)
    throw Problem(409, "conflict", "[id] the job is finished; ?purge=1 takes it and its pictures out of the history");
  if (!context.queue.purge(job.id)) throw missing("[id] there is no such job");
  return json_response({{"id", job.id}, {"purged", true}});
}

}  // namespace

void add_jobs(Router& router, Context& context) {
  router.add("POST", "/v1/jobs", [&](const Request& request) { return submit_job(request, context); },
             {.body = Body::json});
  router.add("GET", "/v1/jobs", [&](const Request&) { return list_jobs(context); });
  router.add("GET", "/v1/jobs/{id}",
             [&](const Request& request) { return json_response(to_json(job_of(request, context))); });
  router.add("GET", "/v1/jobs/{id}/events", [&](const Request& request) { return job_events(request, context); });
  router.add("PATCH", "/v1/jobs/{id}", [&](const Request& request) { return edit_job(request, context); },
             {.body = Body::json});
  router.add("DELETE", "/v1/jobs/{id}", [&](const Request& request) { return end_job(request, context); });
}

void add_routes(Router& router, Context& context) {
  for (const auto add : {add_jobs, add_files, add_explain, add_models, add_recipes, add_history, add_health, add_sdapi,
                         add_openai, add_mcp, add_pages})
    add(router, context);
}

}  // namespace corepulse::server
