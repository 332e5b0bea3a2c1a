// Bodies of every route that reads one, from the route to the answer: the first byte chooses the route, all others are
// the body. Nothing a client sends is the server's own fault, and what it is told is whole JSON or whole events.
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>

#include "api/api.h"
#include "app.h"
#include "fuzz.h"
#include "http/problem.h"

using namespace corepulse;
using namespace corepulse::server;

namespace {

namespace fs = std::filesystem;

struct Asked {
  const char *method, *path, *type;
};
constexpr Asked kAsked[] = {{"POST", "/v1/jobs", "application/json"},
                            {"PATCH", "/v1/jobs/drawn", "application/json"},
                            {"POST", "/v1/explain", "application/json"},
                            {"POST", "/v1/tokenize", "application/json"},
                            {"PUT", "/v1/recipes/mine", "application/json"},
                            {"POST", "/v1/files", "application/octet-stream"},
                            {"POST", "/v1/read", "application/octet-stream"},
                            {"POST", "/sdapi/v1/txt2img", "application/json"},
                            {"POST", "/sdapi/v1/img2img", "application/json"},
                            {"POST", "/sdapi/v1/options", "application/json"},
                            {"POST", "/sdapi/v1/png-info", "application/json"},
                            {"POST", "/v1/images/generations", "application/json"},
                            {"POST", "/v1/images/edits", "multipart/form-data; boundary=xyz"},
                            {"POST", "/mcp", "application/json"}};

/** The server without its sockets and its engine. */
struct Whole {
  fs::path path = fs::temp_directory_path() / ("corepulse-fuzz-" + new_id());
  Folder folder{path};
  Store store{folder.database()};
  Uploads uploads{folder, store, 1 << 20};
  Catalog catalog{{}};
  Names names{catalog, folder, store};
  Models models{1, LoadOptions::Device::automatic};
  Limits limits;
  Drawing drawing{names, folder, models, limits};
  Router router;
  Gate gate{{}};
  App app{router, gate};
  Queue queue{store, drawing, folder, limits};
  Context context{store, folder, uploads, catalog, names, models, drawing, queue, gate, ""};
  Whole() { add_routes(router, context); }
  ~Whole() { fs::remove_all(path); }
};

/** What a client would read of a stream. */
struct Read : Sink {
  std::string text;
  bool ended = false;
  bool send(std::string bytes) override {
    fuzz::require(!ended);
    text += bytes;
    return true;
  }
  void end() override { ended = true; }
};

void look_at_events(const std::string& text) {
  fuzz::require(text.ends_with("\n\n"));
  for (size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const auto line = text.substr(at, end - at);
    if (line.starts_with("data: "))
      fuzz::require(line == "data: [DONE]" || nlohmann::json::accept(line.substr(6)));
    else
      fuzz::require(line.empty() || line.starts_with("event: ") || line.starts_with("id: "));
    at = end + 1;
  }
}

void look_at(Response response) {
  while (response.later) {
    Response last{.status = 0};
    const auto later = std::exchange(response.later, {});
    const auto kept = later([&](Response now) { last = std::move(now); });
    fuzz::require(last.status != 0);
    response = std::move(last);
  }
  fuzz::require(response.status >= 200 && response.status != 500 && *reason(response.status) != 'E');
  if (response.stream) {
    const auto read = std::make_shared<Read>();
    const auto kept = response.stream(read);
    fuzz::require(read->ended);
    return look_at_events(read->text);
  }
  if (response.headers.get("content-type").find("json") != std::string::npos)
    fuzz::require(nlohmann::json::accept(response.body));
  else
    fuzz::require(response.body.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Whole whole;
  if (size == 0) return 0;
  const auto& asked = kAsked[data[0] % std::size(kAsked)];
  server::Request request{.method = asked.method, .path = asked.path};
  request.headers = {{"Host", "localhost"}, {"Content-Type", asked.type}, {"Mcp-Session-Id", "session"}};
  if (size % 2 == 1) request.headers.add("Accept", "application/json, text/event-stream");
  const auto plan = whole.app.plan(request);
  request.body = std::string(fuzz::text(data + 1, size - 1));
  if (request.body.size() <= plan.most_body) look_at(plan.answer(request));
  return 0;
}
