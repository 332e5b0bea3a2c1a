// Recipes to JSON.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/quote.h"
#include "control/recipe/levels.h"
#include "control/recipe/region_fields.h"
#include "control/recipe/write_object.h"

namespace corepulse {
namespace control {
namespace {

constexpr int kDeepest = 32;  // of nested regions, as the reader allows

[[noreturn]] void refuse(const std::string& message) {
  fail(ErrorCode::invalid_request, "recipe", message);
}

OrderedJson nested(const Region& x, int depth);

struct RegionWriter : Writer<Region> {
  int depth;

  void point(const char* name, size_t i) { json[name] = json_of(object.points[i]); }
  void box(const char* name) {
    const auto& p = object.points;
    json[name] =
        OrderedJson::array({json_of(p[0].first), json_of(p[0].second), json_of(p[1].first), json_of(p[1].second)});
  }
  using Writer<Region>::required;
  void required(const char* name, std::vector<Region> Region::* parts) {
    auto list = OrderedJson::array();
    for (const auto& part : object.*parts) list.push_back(nested(part, depth + 1));
    json[name] = list;
  }
};

OrderedJson nested(const Region& x, int depth) {
  if (depth > kDeepest) refuse(fmt::format("regions nested deeper than {}", kDeepest));
  if (x.points.size() < points_of(x.shape))
    refuse(fmt::format("{} needs {} points", with_article(name_of(x.shape)), points_of(x.shape)));
  auto json = OrderedJson::object();
  json["shape"] = name_of(x.shape);
  const auto normal = default_region(x.shape);
  RegionWriter writer{{x, normal, json}, depth};
  fields(writer, x.shape);
  return json;
}

bool holds_object(const OrderedJson& json) {
  return json.is_object() || (json.is_array() && std::any_of(json.begin(), json.end(), holds_object));
}

// One line per field and per object in a list; numbers side by side.
void print(const OrderedJson& json, int indent, int depth, std::string& out) {
  if (!holds_object(json) || json.empty()) {
    out += json.dump();
    return;
  }
  const std::string margin(static_cast<size_t>(indent) * (depth + 1), ' ');
  const bool object = json.is_object();
  out += object ? "{\n" : "[\n";
  size_t left = json.size();
  for (const auto& [key, value] : json.items()) {
    out += margin;
    if (object) out += OrderedJson(key).dump() + ": ";
    print(value, indent, depth + 1, out);
    out += --left ? ",\n" : "\n";
  }
  out += margin.substr(indent) + (object ? "}" : "]");
}

std::string text(const OrderedJson& json, int indent) {
  try {
    if (indent < 0) return json.dump();
    std::string out;
    print(json, indent, 0, out);
    return out;
  } catch (const nlohmann::json::exception&) {
    refuse("a text is not valid UTF-8");
  }
}

}  // namespace

OrderedJson json_of(double x) {
  if (!std::isfinite(x)) refuse(fmt::format("the number {} cannot be written; expected a finite one", x));
  // Whole numbers without ".0", as people write them.
  if (x == std::floor(x) && std::abs(x) < 1e15 && !(x == 0 && std::signbit(x))) return static_cast<int64_t>(x);
  return x;
}

OrderedJson json_of(const std::string& x) {
  return x;
}

OrderedJson json_of(const Curve& x) {
  // A number stands for a point at progress 0.
  return x.constant() && x.points[0].first == 0 ? json_of(x.points[0].second) : json_of(x.points);
}

OrderedJson json_of(const Window& x) {
  if (x.unit == Window::Unit::always) return name_of(x.unit);
  const bool open = x.unit == Window::Unit::sigma && x.start == INFINITY;
  return {{name_of(x.unit), OrderedJson::array({open ? OrderedJson("inf") : json_of(x.start), json_of(x.end)})}};
}

OrderedJson json_of(const Region& x) {
  return nested(x, 0);
}

OrderedJson json_of(const corepulse::Control& x) {
  static const corepulse::Control normal{};
  const auto& kind = kind_of(x.effect);
  auto json = OrderedJson::object();
  json["kind"] = kind.name;
  kind.write(x.effect, json);
  Writer<corepulse::Control> writer{x, normal, json};
  common(writer, kind.common);
  lacking_fields(writer, kind.common);
  return json;
}

}  // namespace control

std::string to_json(const Recipe& recipe, int indent) {
  // Reading starts from the same.
  auto normal = recipe.few_steps ? with_few_steps({}, *recipe.few_steps) : Recipe{};
  normal.few_steps.reset();
  auto json = control::OrderedJson::object();
  control::Writer<Recipe> writer{recipe, normal, json};
  control::fields(writer, control::Type<Recipe>());
  if (const auto steps = control::listed_steps(recipe); steps && control::steps_unsaid(recipe)) json["steps"] = *steps;
  // Of a word that lists levels, another number of steps would mean others.
  if (!recipe.timesteps.empty() && (recipe.steps != normal.steps || recipe.schedule != normal.schedule))
    json["timesteps"] = control::json_of(recipe.timesteps);
  json["seeds"] = control::json_of(recipe.seeds);
  return control::text(json, indent);
}

std::string to_json(const std::vector<Control>& controls, int indent) {
  return control::text(control::json_of(controls), indent);
}

}  // namespace corepulse
