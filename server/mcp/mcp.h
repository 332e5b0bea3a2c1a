#pragma once
// The Model Context Protocol over HTTP, for language models' programs (docs/server.md, "MCP").

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "api/api.h"

namespace corepulse::server {

void add_mcp(Router& router, Context& context);

// Its parts.
/** Calls that draw, so that their clients can end them: a session's name and a request's id, and the job. */
class McpCalls {
 public:
  /** Until what is returned ends, it is found. */
  static std::shared_ptr<void> add(const std::shared_ptr<McpCalls>& calls, const std::string& key,
                                   const std::string& job);
  /** "": there is none. */
  std::string job_of(const std::string& key);

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> jobs_;
};

/** A request for a tool. */
struct McpCall {
  nlohmann::json id;              ///< The request's.
  nlohmann::json progress_token;  ///< null: nobody wants to be told.
  bool streams = false;           ///< Whether the client reads events, which keep a connection alive.
  std::string key;                ///< See McpCalls; "": a client without a session.
  std::string host;               ///< By which the client called this server.
  std::string tool;
  nlohmann::json arguments = nlohmann::json::object();
};

/** tools.json's instructions, of a server to a model. */
std::string mcp_instructions();
/** What tools/list answers. */
nlohmann::json mcp_tools();
/** Whether there is such a tool. */
bool is_mcp_tool(const std::string& name);

/** Of tools that draw, what is to be drawn; nothing of the others. @throws Problem, Error. */
std::optional<Submission> mcp_submission(const McpCall& call, Context& context);
/** Of the others: their text. @throws Problem, Error. */
std::string mcp_text(const McpCall& call, Context& context);

/** Draws; answers with a stream, or when it is done. @throws Problem, Error. */
Response draw_for_mcp(const McpCall& call, Submission submission, Context& context,
                      const std::shared_ptr<McpCalls>& calls);

/** {jsonrpc, id, result}. */
nlohmann::json mcp_message(const nlohmann::json& id, nlohmann::json result);
/** A result that is a text. */
nlohmann::json mcp_told(const std::string& text, bool is_error = false);
/** Of the exception that is being handled: models read it, so it is a result. */
nlohmann::json mcp_failure();
/**
 * Pictures and maps, and their recipe as text. What would make the message longer than clients read (1 MiB an event)
 * comes as JPEG, at last as a small one, and the text says so. @throws Problem where there is none.
 */
nlohmann::json mcp_pictures(const Job& job, const std::string& host, const Folder& folder);

}  // namespace corepulse::server
