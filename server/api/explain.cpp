// What a recipe would do, and what a prompt is read as, without drawing.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "corepulse/host/tokens.h"

#include "api/api.h"
#include "http/body.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

Response explain_recipe(const Request& request, Context& context) {
  const auto body = read_json(request.body);
  check_fields(body, {"recipe"});
  const auto explanation = context.drawing.explain(object_of(body, "recipe").dump());
  auto result = json::parse(explanation.json);
  result["text"] = explanation.text;
  result["recipe"] = json::parse(to_json(explanation.recipe));
  return json_response(result);
}

/** In bytes of the prompt as it was written, where they are known; else they are missing. */
void add_place(const PromptTokens& read, const PromptToken& token, json& item) {
  const auto place = [&](int at) { return read.written[static_cast<size_t>(at)]; };
  if (token.end <= token.begin || place(token.begin) < 0 || place(token.end - 1) < 0) return;
  item["begin"] = place(token.begin);
  item["end"] = place(token.end - 1) + 1;
}

Response tokenize(const Request& request, Context& context) {
  const auto body = read_json(request.body);
  check_fields(body, {"model", "prompt", "syntax"});
  const auto asked = text_of(body, "model", context.catalog.options().model);
  const auto model = asked.empty() ? "builtin" : context.names.path_of(asked);
  const auto read = with_shown_names(context.names, [&] {
    return prompt_tokens({.model = model}, text_of(body, "prompt"), parse_syntax(text_of(body, "syntax", "plain")));
  });
  auto tokens = json::array();
  for (const auto& token : read.tokens) {
    tokens.push_back({{"text", token.text},
                      {"id", token.id},
                      {"weight", token.weight},
                      {"chunk", token.chunk},
                      {"read", token.read}});
    add_place(read, token, tokens.back());
  }
  auto cut = json::array();
  if (!read.cut.empty()) cut.push_back(read.cut);
  return json_response(
      {{"tokens", tokens}, {"text", read.text}, {"cut", cut}, {"limit", read.limit}, {"chunks", read.chunks}});
}

}  // namespace

void add_explain(Router& router, Context& context) {
  const RouteOptions asking{.body = Body::json, .reading = true};
  router.add("POST", "/v1/explain", [&](const Request& request) { return explain_recipe(request, context); }, asking);
  router.add("POST", "/v1/tokenize", [&](const Request& request) { return tokenize(request, context); }, asking);
}

}  // namespace corepulse::server
