// Which tools there are, and what their arguments mean.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "corepulse/model.h"
#include "corepulse/region.h"

#include "embedded.h"
#include "files/uploads.h"
#include "http/body.h"
#include "http/problem.h"
#include "mcp/mcp.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

const json& tools_file() {
  static const json file = json::parse(embedded_file("tools.json").bytes);
  return file;
}

/** As the recipe's schema lists them. */
std::string kinds_of_controls() {
  std::vector<std::string> kinds;
  const auto schema = json::parse(embedded_file("recipe.schema.json").bytes);
  for (const auto& kind : schema["$defs"]["control"]["oneOf"])
    kinds.push_back(kind["properties"]["kind"]["const"].get<std::string>());
  return fmt::format("{}", fmt::join(kinds, ", "));
}

const json* tool_called(const std::string& name) {
  for (const auto& tool : tools_file()["tools"])
    if (tool["name"] == name) return &tool;
  return nullptr;
}

json described_tool(const json& tool) {
  auto properties = json::object();
  for (const auto& field : tool["fields"]) {
    const auto name = field.get<std::string>();
    properties[name] = tools_file()["fields"][name];
  }
  if (properties.contains("controls")) {
    auto text = properties["controls"]["description"].get<std::string>();
    properties["controls"]["description"] = text.replace(text.find("KINDS"), 5, kinds_of_controls());
  }
  return {{"name", tool["name"]},
          {"description", tool["description"]},
          {"inputSchema",
           {{"type", "object"},
            {"properties", properties},
            {"required", tool["required"]},
            {"additionalProperties", false}}},
          {"annotations", {{"readOnlyHint", tool.value("reads", false)}, {"openWorldHint", false}}}};
}

/** Without those that are null: the tool's own names, and all that must be there. */
json checked_arguments(const McpCall& call) {
  const auto& tool = *tool_called(call.tool);
  check_fields(call.arguments, tool["fields"].get<std::vector<std::string>>());
  auto arguments = json::object();
  for (const auto& [field, value] : call.arguments.items())
    if (!value.is_null()) arguments[field] = value;
  for (const auto& field : tool["required"])
    if (!arguments.contains(field.get<std::string>()))
      throw Problem(400, "invalid_request", fmt::format("[{}] missing", field.get<std::string>()));
  return arguments;
}

/** What a recipe calls by the same names; it checks them itself. */
json recipe_of_arguments(const json& arguments) {
  json recipe = {{"version", 1}, {"seed", 0}, {"steps", 20}, {"guidance", 5}};
  for (const char* field :
       {"prompt", "negative_prompt", "model", "seed", "steps", "guidance", "width", "height", "controls"})
    if (arguments.contains(field)) recipe[field] = arguments[field];
  for (const char* side : {"width", "height"})
    if (recipe.contains(side) && recipe[side] == 0) recipe.erase(side);
  return recipe;
}

std::string edited_recipe(const json& arguments, Context& context) {
  auto file = text_of(arguments, "image");
  if (!file.starts_with("upload:") && !file.starts_with("picture:"))
    file = "upload:" + context.uploads.keep(picture_bytes(file, "image")).id;
  auto json_recipe = recipe_of_arguments(arguments);
  json_recipe["init"] = {{"file", file}, {"strength", arguments.value("strength", json(0.6))}};
  auto recipe = recipe_from_json(json_recipe.dump());
  if (const auto part = text_of(arguments, "part", ""); !part.empty()) recipe.init->mask = parse_region(part);
  return to_json(recipe, -1);
}

std::string mapped_recipe(const json& arguments) {
  auto recipe = recipe_of_arguments(arguments);
  const auto& words = arguments["words"];
  if (!words.is_array() || words.empty() || words.size() > 16)
    throw Problem(400, "invalid_request", "[words] expected a list of 1 to 16 words of the prompt");
  auto controls = recipe.value("controls", json::array());
  if (!controls.is_array()) throw Problem(400, "invalid_request", "[controls] expected a list");
  const auto where = text_of(arguments, "where", "");
  for (const auto& word : words) {
    controls.push_back({{"kind", "capture"}, {"phrase", word}});
    if (!where.empty()) controls.back()["where"] = where;
  }
  recipe["controls"] = controls;
  return recipe.dump();
}

}  // namespace

std::string mcp_instructions() {
  return tools_file()["instructions"].get<std::string>();
}

json mcp_tools() {
  auto tools = json::array();
  for (const auto& tool : tools_file()["tools"]) tools.push_back(described_tool(tool));
  return tools;
}

bool is_mcp_tool(const std::string& name) {
  return tool_called(name) != nullptr;
}

std::optional<Submission> mcp_submission(const McpCall& call, Context& context) {
  if (tool_called(call.tool)->value("reads", false)) return std::nullopt;
  const auto arguments = checked_arguments(call);
  Submission submission{.previews = 0, .origin = "mcp"};
  submission.recipe = call.tool == "edit"      ? edited_recipe(arguments, context)
                      : call.tool == "heatmap" ? mapped_recipe(arguments)
                                               : recipe_of_arguments(arguments).dump();
  return submission;
}

std::string mcp_text(const McpCall& call, Context& context) {
  const auto arguments = checked_arguments(call);
  if (call.tool == "explain") return context.drawing.explain(recipe_of_arguments(arguments).dump()).text;
  if (call.tool == "list_models") return list_of_models(context).dump();
  const auto asked = text_of(arguments, "model", context.catalog.options().model);
  return with_shown_names(context.names, [&] {
    auto info =
        json::parse(to_json(inspect_model({.model = asked.empty() ? "builtin" : context.names.path_of(asked)})));
    info.erase("sites");
    return context.names.shown(info.dump());
  });
}

}  // namespace corepulse::server
