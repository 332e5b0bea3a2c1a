// How the server is: for those who watch over it.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "corepulse/pipeline.h"

#include "api/api.h"

namespace corepulse::server {
namespace {

/** Prometheus' text format. */
class Page {
 public:
  void gauge(const char* name, const char* help, double value) { head(name, help, "gauge"), line(name, "", value); }
  void counter(const char* name, const char* help, double value) { head(name, help, "counter"), line(name, "", value); }
  void head(const char* name, const char* help, const char* type) {
    text_ += fmt::format("# HELP corepulse_{} {}\n# TYPE corepulse_{} {}\n", name, help, name, type);
  }
  void line(const char* name, const std::string& labels, double value) {
    text_ += fmt::format("corepulse_{}{} {}\n", name, labels, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

Response show_metrics(Context& context) {
  Page page;
  const auto queue = context.queue.counts();
  page.gauge("jobs_waiting", "Jobs in the queue.", double(queue.waiting));
  page.gauge("jobs_running", "Jobs that are being drawn.", queue.running ? 1 : 0);
  page.counter("jobs_submitted_total", "Jobs accepted since the start.", double(queue.submitted));
  page.counter("jobs_refused_total", "Jobs refused because the queue was full.", double(queue.refused));
  page.head("jobs_finished_total", "Jobs finished since the start.", "counter");
  page.line("jobs_finished_total", "{state=\"done\"}", double(queue.done));
  page.line("jobs_finished_total", "{state=\"failed\"}", double(queue.failed));
  page.line("jobs_finished_total", "{state=\"cancelled\"}", double(queue.cancelled));
  page.counter("steps_total", "Sampling steps drawn since the start.", double(queue.steps));
  page.counter("step_seconds_total", "Time they took.", queue.step_seconds);
  page.gauge("models_loaded", "Models in memory.", double(context.models.count()));
  page.gauge("model_bytes", "What their weights take, roughly.", double(context.models.bytes()));
  const auto http = context.http();
  page.counter("http_requests_total", "Requests answered.", double(http.requests));
  page.counter("http_client_errors_total", "Of them with a status of 400 to 499.", double(http.client_errors));
  page.counter("http_server_errors_total", "Of them with a status of 500 or more.", double(http.server_errors));
  page.counter("http_request_seconds_total", "Time from a request's head to its answer.", http.seconds);
  const auto sockets = context.connections();
  page.gauge("connections", "Open connections.", sockets.open);
  page.counter("connections_total", "Connections accepted.", double(sockets.accepted));
  page.counter("connections_evicted_total", "Idle and slow ones closed to make room.", double(sockets.evicted));
  page.counter("connections_refused_total", "Refused: all others were busy.", double(sockets.refused));
  return bytes_response(page.take(), "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace

void add_health(Router& router, Context& context) {
  router.add("GET", "/health", [](const Request&) { return json_response({{"status", "ok"}, {"version", version()}}); },
             {.open = true});
  router.add("GET", "/metrics", [&](const Request&) { return show_metrics(context); });
}

}  // namespace corepulse::server
