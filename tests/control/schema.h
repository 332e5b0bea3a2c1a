#pragma once
// As much of JSON Schema as docs/recipe.schema.json uses.

#include <nlohmann/json.hpp>
#include <string>

namespace corepulse::control::test {

/** docs/recipe.schema.json. */
const nlohmann::json& recipe_schema();

/** "" if `value` is valid, else what is wrong and where. */
std::string invalid(const nlohmann::json& value);

}  // namespace corepulse::control::test
