// JSON-RPC on one path: each POST is a message, and its answer is the answer. Nothing is kept of a client but the name
// of its session, which tells its requests from others'.
#include "mcp/mcp.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

#include "http/body.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

constexpr size_t kMostMcpBody = size_t{64} << 20;  // a picture in base64
// Not 2025-03-26, which has several messages at once.
constexpr const char* kVersions[] = {"2025-11-25", "2025-06-18", "2024-11-05"};
constexpr size_t kMostId = 256;
constexpr int kNoJson = -32700, kNoRequest = -32600, kNoMethod = -32601, kWrongParameters = -32602, kNoVersion = -32022;

struct RpcError {
  int code, status;
  std::string message;
  json data = nullptr;
};

Response rpc_response(const json& id, const RpcError& error) {
  json body = {{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", error.code}, {"message", error.message}}}};
  if (!error.data.is_null()) body["error"]["data"] = error.data;
  return json_response(body, error.status);
}

bool is_version(const std::string& version) {
  return std::find(std::begin(kVersions), std::end(kVersions), version) != std::end(kVersions);
}

/** Text or number, as requests and progress have them. A text is kept until the answer. */
bool is_rpc_id(const json& value) {
  const auto* text = value.get_ptr<const std::string*>();
  return text ? text->size() <= kMostId : value.is_number_integer();
}

/** @throws RpcError for what is no JSON, or none of a message; Problem. */
json read_message(const std::string& body) {
  try {
    return read_json(body);
  } catch (const Problem& problem) {
    const auto first = body.find_first_not_of(" \t\r\n");
    const bool other = first != body.npos && body[first] != '{' && json::accept(body);
    throw RpcError{other ? kNoRequest : kNoJson, problem.status, problem.what()};
  }
}

const json& object_of(const json& message, const char* field) {
  static const json none = json::object();
  const auto found = message.find(field);
  if (found == message.end() || found->is_null()) return none;
  if (!found->is_object()) throw RpcError{kWrongParameters, 200, fmt::format("[{}] expected an object", field)};
  return *found;
}

/** "": a client without a session. */
std::string key_of(const Request& request, const json& id) {
  const auto session = request.headers.get("mcp-session-id");
  return is_name(session) ? session + " " + id.dump() : "";
}

Response begin_session(const json& id, const json& parameters) {
  const auto asked = parameters.find("protocolVersion");
  const bool known = asked != parameters.end() && asked->is_string() && is_version(asked->get<std::string>());
  auto response = json_response(mcp_message(id, {{"protocolVersion", known ? *asked : json(kVersions[0])},
                                                 {"capabilities", {{"tools", json::object()}}},
                                                 {"serverInfo", {{"name", "corepulse"}, {"version", version()}}},
                                                 {"instructions", mcp_instructions()}}));
  response.headers.set("Mcp-Session-Id", new_id());
  return response;
}

McpCall call_of(const Request& request, const json& id, const json& parameters) {
  McpCall call{.id = id, .key = key_of(request, id), .host = request.headers.get("host")};
  const auto name = parameters.find("name");
  if (name == parameters.end() || !name->is_string()) throw RpcError{kWrongParameters, 200, "[name] expected a text"};
  call.tool = name->get<std::string>();
  if (!is_mcp_tool(call.tool))
    throw RpcError{kWrongParameters, 200, fmt::format("[name] there is no tool {}", call.tool.substr(0, 80))};
  call.arguments = object_of(parameters, "arguments");
  const auto& meta = object_of(parameters, "_meta");
  const auto token = meta.find("progressToken");
  if (token != meta.end() && is_rpc_id(*token)) call.progress_token = *token;
  call.streams = request.headers.get("accept").find("text/event-stream") != std::string::npos;
  return call;
}

Response call_tool(McpCall call, Context& context, const std::shared_ptr<McpCalls>& calls) {
  try {
    if (auto submission = mcp_submission(call, context)) {
      call.arguments.clear();  // a picture's base64, say, for as long as the job waits
      return draw_for_mcp(call, std::move(*submission), context, calls);
    }
    return json_response(mcp_message(call.id, mcp_told(mcp_text(call, context))));
  } catch (...) {
    return json_response(mcp_message(call.id, mcp_failure()));
  }
}

Response answer_request(const Request& request, const json& message, Context& context,
                        const std::shared_ptr<McpCalls>& calls) {
  const auto& id = message["id"];
  const auto& method = message["method"].get_ref<const std::string&>();
  const auto& parameters = object_of(message, "params");
  if (method == "initialize") return begin_session(id, parameters);
  if (method == "ping") return json_response(mcp_message(id, json::object()));
  if (method == "tools/list") return json_response(mcp_message(id, {{"tools", mcp_tools()}}));
  if (method == "tools/call") return call_tool(call_of(request, id, parameters), context, calls);
  throw RpcError{kNoMethod, 200, fmt::format("there is no {}", method.substr(0, 80))};
}

/** Nobody waits for an answer. */
void hear(const Request& request, const json& message, Context& context, McpCalls& calls) {
  if (message["method"] != "notifications/cancelled") return;
  const auto& parameters = object_of(message, "params");
  const auto id = parameters.find("requestId");
  const auto key = id == parameters.end() ? "" : key_of(request, *id);
  if (const auto job = key.empty() ? "" : calls.job_of(key); !job.empty()) context.queue.cancel(job);
}

void check_version(const Request& request) {
  const auto version = request.headers.get("mcp-protocol-version");
  if (version.empty() || is_version(version)) return;
  auto all = json::array();
  for (const char* one : kVersions) all.push_back(one);
  throw RpcError{
      kNoVersion, 400, "[mcp-protocol-version] not known here", {{"supported", all}, {"requested", version}}};
}

Response answer_message(const Request& request, Context& context, const std::shared_ptr<McpCalls>& calls) {
  json id;
  try {
    const auto message = read_message(request.body);
    if (message.value("jsonrpc", json()) != "2.0") throw RpcError{kNoRequest, 400, "[jsonrpc] expected 2.0"};
    if (message.contains("id")) {
      if (!is_rpc_id(message["id"])) throw RpcError{kNoRequest, 400, "[id] expected a short text or a whole number"};
      id = message["id"];
    }
    check_version(request);
    const bool asks = message.contains("method");
    if (asks && !message["method"].is_string()) throw RpcError{kNoRequest, 400, "[method] expected a text"};
    if (!asks && !message.contains("result") && !message.contains("error"))
      throw RpcError{kNoRequest, 400, "[method] missing"};
    if (asks && !id.is_null()) return answer_request(request, message, context, calls);
    if (asks) hear(request, message, context, *calls);
    return Response{.status = 202};
  } catch (const RpcError& error) {
    return rpc_response(id, error);
  } catch (const Problem& problem) {
    return rpc_response(id, {kNoJson, problem.status, problem.what()});
  }
}

}  // namespace

std::shared_ptr<void> McpCalls::add(const std::shared_ptr<McpCalls>& calls, const std::string& key,
                                    const std::string& job) {
  if (key.empty()) return nullptr;
  const std::lock_guard lock(calls->mutex_);
  calls->jobs_[key] = job;
  return std::shared_ptr<void>(nullptr, [calls, key, job](void*) {
    const std::lock_guard inner(calls->mutex_);
    if (const auto found = calls->jobs_.find(key); found != calls->jobs_.end() && found->second == job)
      calls->jobs_.erase(found);
  });
}

std::string McpCalls::job_of(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(key);
  return found == jobs_.end() ? "" : found->second;
}

void add_mcp(Router& router, Context& context) {
  const auto calls = std::make_shared<McpCalls>();
  router.add("POST", "/mcp",
             [&context, calls](const Request& request) { return answer_message(request, context, calls); },
             {.body = Body::json, .most_body = kMostMcpBody});
  for (const char* method : {"GET", "DELETE"})
    // Nothing is sent unasked, and a session's end changes nothing.
    router.add(method, "/mcp", [](const Request&) -> Response {
      Problem problem(405, "method_not_allowed", "[method] expected POST");
      problem.headers.set("Allow", "POST");
      throw problem;
    });
}

}  // namespace corepulse::server
