#include "schema.h"

#include <fmt/format.h>
#include <fstream>

#include "support/places.h"

namespace corepulse::control::test {
namespace {

using Json = nlohmann::json;

std::string check(const Json& schema, const Json& value, const std::string& path);

bool has_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  throw std::runtime_error("unknown type " + type);
}

std::string check_object(const Json& schema, const Json& value, const std::string& path) {
  for (const auto& name : schema.value("required", Json::array()))
    if (!value.contains(name.get<std::string>())) return path + ": no " + name.dump();
  const auto& properties = schema["properties"];
  for (const auto& [name, field] : value.items()) {
    if (!properties.contains(name)) return path + ": unknown " + name;
    const auto wrong = check(properties[name], field, path + "." + name);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string check_array(const Json& schema, const Json& value, const std::string& path) {
  if (value.size() < schema.value("minItems", size_t{0}) || value.size() > schema.value("maxItems", size_t(-1)))
    return path + ": wrong length";
  for (size_t i = 0; i < value.size(); ++i) {
    const auto& item = schema.contains("prefixItems") ? schema["prefixItems"][i] : schema["items"];
    const auto wrong = check(item, value[i], fmt::format("{}[{}]", path, i));
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string check(const Json& schema, const Json& value, const std::string& path) {
  if (schema.contains("$ref"))
    return check(recipe_schema().at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1))), value, path);
  if (schema.contains("oneOf")) {
    std::string last;
    int valid = 0;
    for (const auto& one : schema["oneOf"]) {
      const auto wrong = check(one, value, path);
      if (wrong.empty())
        ++valid;
      else
        last = wrong;
    }
    return valid == 1 ? "" : fmt::format("{}: {} alternatives fit; {}", path, valid, last);
  }
  if (schema.contains("const") && schema["const"] != value) return path + ": not " + schema["const"].dump();
  if (schema.contains("enum") && std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
    return path + ": not one of " + schema["enum"].dump();
  if (schema.contains("type") && !has_type(value, schema["type"])) return path + ": not " + schema["type"].dump();
  if (schema.contains("minimum") && value < schema["minimum"]) return path + ": too small";
  if (schema.contains("maximum") && value > schema["maximum"]) return path + ": too large";
  if (value.is_object() && schema.contains("properties")) return check_object(schema, value, path);
  if (value.is_array()) return check_array(schema, value, path);
  return "";
}

}  // namespace

const Json& recipe_schema() {
  static const Json schema =
      Json::parse(std::ifstream(corepulse::test::golden_folder() + "/../../docs/recipe.schema.json"));
  return schema;
}

std::string invalid(const Json& value) {
  return check(recipe_schema(), value, "recipe");
}

}  // namespace corepulse::control::test
