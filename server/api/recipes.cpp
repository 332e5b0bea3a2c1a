// The user's recipes by name, and those that come with the library.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "corepulse/error.h"
#include "corepulse/recipe.h"

#include "api/api.h"
#include "http/body.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

constexpr int64_t kMostRecipes = 64 << 20;  // bytes of all: their list holds each whole

std::string recipe_name(const Request& request) {
  const auto& name = request.parameters.at("name");  // a segment: no slash, no control character
  if (characters(name) > 200) throw Problem(400, "invalid_request", "[name] expected at most 200 characters");
  return name;
}

/** One that an older or a newer program stored, and this one does not read, must not hide all others. */
std::string prompt_of(const std::string& recipe) {
  try {
    return recipe_from_json(recipe).prompt;
  } catch (const Error&) {
    return "";
  }
}

Response list_recipe(Context& context) {
  json recipes = json::array(), with_program = json::array();
  for (const auto& [name, text] : context.store.recipes())
    recipes.push_back({{"name", name}, {"prompt", prompt_of(text)}, {"recipe", json::parse(text)}});
  for (const auto& preset : presets())
    with_program.push_back(
        {{"name", preset.name}, {"about", preset.about}, {"recipe", json::parse(preset_json(preset.name))}});
  return json_response({{"recipes", recipes}, {"presets", with_program}});
}

Response show_recipe(const Request& request, Context& context) {
  const auto name = recipe_name(request);
  const auto text = context.store.recipe(name);
  if (!text) throw missing("[name] there is no such recipe");
  return json_response({{"name", name}, {"recipe", json::parse(*text)}});
}

Response put_recipe(const Request& request, Context& context) {
  const auto body = read_json(request.body);
  check_fields(body, {"recipe"});
  const auto& recipe = object_of(body, "recipe");
  const auto text = recipe.dump();
  (void)recipe_from_json(text);  // only what a run would take
  if (!context.store.put_recipe(recipe_name(request), text, kMostRecipes))
    throw Problem(507, "quota", "[recipe] the recipes that are kept hold as much as they may, 64 MB; delete some");
  return json_response({{"name", recipe_name(request)}, {"recipe", recipe}});
}

Response remove_recipe(const Request& request, Context& context) {
  if (!context.store.remove_recipe(recipe_name(request))) throw missing("[name] there is no such recipe");
  return {.status = 204};
}

}  // namespace

void add_recipes(Router& router, Context& context) {
  router.add("GET", "/v1/recipes", [&](const Request&) { return list_recipe(context); });
  router.add("GET", "/v1/recipes/{name}", [&](const Request& request) { return show_recipe(request, context); });
  router.add("PUT", "/v1/recipes/{name}", [&](const Request& request) { return put_recipe(request, context); },
             {.body = Body::json});
  router.add("DELETE", "/v1/recipes/{name}", [&](const Request& request) { return remove_recipe(request, context); });
}

}  // namespace corepulse::server
