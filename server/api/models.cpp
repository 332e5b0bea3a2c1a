// Which models there are, and where in them controls can act.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "corepulse/model.h"

#include "api/api.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

json described(const CatalogEntry& entry, Context& context) {
  json item = {{"name", entry.name}, {"title", entry.title}, {"family", entry.family}};
  if (!entry.error.empty()) item["error"] = context.names.shown(entry.error);
  return item;
}

/** With `object` and `data`, which OpenAI's clients read here. */
Response show_models(Context& context) {
  auto list = list_of_models(context);
  list["object"] = "list";
  auto& data = list["data"] = json::array();
  for (const auto& model : list["models"])
    data.push_back({{"id", model["name"]}, {"object", "model"}, {"created", 0}, {"owned_by", "corepulse"}});
  return json_response(list);
}

/** Which of the three groups a block belongs to, as selectors name them (docs/control.md). */
std::map<std::string, std::string> groups_of(const ModelSource& source) {
  std::map<std::string, std::string> groups;
  for (const char* group : {"composition", "content", "style"}) {
    try {
      for (const auto& layer : model_layers(source, group))
        if (!layer.block.empty()) groups.emplace(layer.block, group);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::invalid_request) throw;  // a model may have none of a group
    }
  }
  return groups;
}

json layers_of(const ModelInfo& info, const BlockInfo& block) {
  auto layers = json::array();
  for (const auto& site : info.sites)
    if (site.block == block.id)
      layers.push_back({{"site", site.id},
                        {"path", site.path},
                        {"kind", site.cross ? "attn2" : "attn1"},
                        {"attention", site.attention},
                        {"depth", site.depth},
                        {"heads", site.heads},
                        {"head_dim", site.heads > 0 ? block.channels / site.heads : 0},
                        {"grid", {site.grid_height, site.grid_width}}});
  return layers;
}

Response show_blocks(const Request& request, Context& context) {
  const auto asked = request.query_value("model", context.catalog.options().model);
  const ModelSource source{.model = asked.empty() ? "builtin" : context.names.path_of(asked)};
  const auto info = inspect_model(source);
  const auto groups = groups_of(source);
  auto blocks = json::array();
  for (const auto& block : info.blocks) {
    const auto group = groups.find(block.id);
    blocks.push_back({{"name", block.id},
                      {"group", group == groups.end() ? json() : json(group->second)},
                      {"path", block.path},
                      {"ldm", block.ldm},
                      {"channels", block.channels},
                      {"resolution", block.grid_width},
                      {"grid", {block.grid_height, block.grid_width}},
                      {"layers", layers_of(info, block)}});
  }
  return json_response({{"model", asked.empty() ? "builtin" : asked},
                        {"family", name(info.family)},
                        {"width", info.width},
                        {"height", info.height},
                        {"sigma_min", info.sigma_min},
                        {"sigma_max", info.sigma_max},
                        {"blocks", blocks}});
}

}  // namespace

json list_of_models(Context& context) {
  json models = json::array(), loras = json::array(), controlnets = json::array(), embeddings = json::array();
  json adapters = json::array();
  for (const auto& entry : context.catalog.models()) {
    auto item = described(entry, context);
    item.update({{"size", {entry.width, entry.height}},
                 {"bytes", entry.bytes},
                 {"builtin", entry.path == "builtin"},
                 {"loaded", context.models.is_loaded(entry.path)}});
    models.push_back(std::move(item));
  }
  for (const auto& entry : context.catalog.loras()) {
    loras.push_back(described(entry, context));
    loras.back()["bytes"] = entry.bytes;
  }
  for (const auto& entry : context.catalog.controlnets()) {
    controlnets.push_back(described(entry, context));
    controlnets.back()["bytes"] = entry.bytes;
  }
  for (const auto& entry : context.catalog.adapters()) {
    adapters.push_back(described(entry, context));
    adapters.back().update({{"bytes", entry.bytes}, {"faces", entry.faces}});
  }
  for (const auto& entry : context.catalog.embeddings()) embeddings.push_back(described(entry, context));
  const auto& given = context.catalog.options().model;
  return {{"models", models},
          {"loras", loras},
          {"controlnets", controlnets},
          {"adapters", adapters},
          {"embeddings", embeddings},
          {"default", given.empty() ? "builtin" : given},
          {"samplers", sampler_names()},
          {"schedules", schedule_names()}};
}

void add_models(Router& router, Context& context) {
  router.add("GET", "/v1/models", [&](const Request&) { return show_models(context); });
  router.add("GET", "/v1/blocks", [&](const Request& request) {
    return with_shown_names(context.names, [&] { return show_blocks(request, context); });
  });
}

}  // namespace corepulse::server
