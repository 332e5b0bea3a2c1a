// Recipes to JSON.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/recipe/region_fields.h"
#include "control/recipe/words.h"
#include "io/json.h"

namespace corepulse {
namespace control {
namespace {

// Fields keep the order of fields.h.
using Json = nlohmann::ordered_json;

constexpr int kDeepest = 32;  // of nested regions, as the reader allows

[[noreturn]] void refuse(const std::string& message) {
  fail(ErrorCode::invalid_request, "recipe", message);
}

Json to(double x) {
  if (!std::isfinite(x)) refuse(fmt::format("the number {} cannot be written; expected a finite one", x));
  // Whole numbers without ".0", as people write them.
  if (x == std::floor(x) && std::abs(x) < 1e15 && !(x == 0 && std::signbit(x))) return static_cast<int64_t>(x);
  return x;
}

template <class T>
  requires std::is_integral_v<T>
Json to(T x) {
  return x;
}
Json to(const std::string& x) {
  return x;
}
template <class T>
  requires std::is_enum_v<T>
Json to(T x);
Json to(const Curve& x);
Json to(const Window& x);
Json to(const Region& x, int depth = 0);
Json to(const corepulse::Control& x);
Json to(const RegionPrompt& x);
Json to(const LiveEdit& x);
Json to(const MadeWith& x);
template <class A, class B>
Json to(const std::pair<A, B>& x) {
  return Json::array({to(x.first), to(x.second)});
}
template <class T>
Json to(const std::vector<T>& x) {
  auto list = Json::array();
  for (const auto& item : x) list.push_back(to(item));
  return list;
}
template <class T>
Json to(const std::optional<T>& x) {
  return x ? to(*x) : Json();
}

template <class T>
  requires std::is_enum_v<T>
Json to(T x) {
  if constexpr (requires { name(x); })
    return name(x);  // sampling.h's
  else
    return name_of(x);
}

// Writes the fields of `object` that differ from `normal`.
template <class T>
struct Writer {
  const T& object;
  const T& normal;
  Json& json;

  template <class M, class C>
  void operator()(const char* name, M C::* member) {
    if (object.*member != normal.*member) always(name, member);
  }
  template <class M, class C>
  void required(const char* name, M C::* member) {
    always(name, member);
  }
  template <class M, class C>
  void always(const char* name, M C::* member) {
    json[name] = to(object.*member);
  }
  template <class M, class C>
  void inline_fields(M C::* member) {
    Writer<M> inner{object.*member, normal.*member, json};
    fields(inner, Type<M>());
  }
};

template <class T>
Json whole(const T& x) {
  static const T normal{};
  auto json = Json::object();
  Writer<T> writer{x, normal, json};
  fields(writer, Type<T>());
  return json;
}

Json to(const RegionPrompt& x) {
  return whole(x);
}
Json to(const LiveEdit& x) {
  return whole(x);
}
Json to(const MadeWith& x) {
  return whole(x);
}

Json to(const Curve& x) {
  // A number stands for a point at progress 0.
  return x.constant() && x.points[0].first == 0 ? to(x.points[0].second) : to(x.points);
}

Json to(const Window& x) {
  if (x.unit == Window::Unit::always) return name_of(x.unit);
  const bool open = x.unit == Window::Unit::sigma && x.start == INFINITY;
  return {{name_of(x.unit), Json::array({open ? Json("inf") : to(x.start), to(x.end)})}};
}

struct RegionWriter : Writer<Region> {
  int depth;

  void point(const char* name, size_t i) { json[name] = to(object.points[i]); }
  void box(const char* name) {
    const auto& p = object.points;
    json[name] = Json::array({to(p[0].first), to(p[0].second), to(p[1].first), to(p[1].second)});
  }
  using Writer<Region>::required;
  void required(const char* name, std::vector<Region> Region::* parts) {
    auto list = Json::array();
    for (const auto& part : object.*parts) list.push_back(to(part, depth + 1));
    json[name] = list;
  }
};

Json to(const Region& x, int depth) {
  if (depth > kDeepest) refuse(fmt::format("regions nested deeper than {}", kDeepest));
  if (x.points.size() < points_of(x.shape))
    refuse(fmt::format("a {} needs {} points", name_of(x.shape), points_of(x.shape)));
  auto json = Json::object();
  json["shape"] = name_of(x.shape);
  const auto normal = default_region(x.shape);
  RegionWriter writer{{x, normal, json}, depth};
  fields(writer, x.shape);
  return json;
}

Json to(const corepulse::Control& x) {
  auto json = Json::object();
  json["kind"] = kind_name(x.effect);
  std::visit(
      [&]<class E>(const E& effect) {
        static const E normal_effect{};
        static const corepulse::Control normal{};
        Writer<E> own{effect, normal_effect, json};
        fields(own, Type<E>());
        Writer<corepulse::Control> shared{x, normal, json};
        common<E>(shared);
        lacking_fields<E>(shared);
      },
      x.effect);
  return json;
}

bool holds_object(const Json& json) {
  return json.is_object() || (json.is_array() && std::any_of(json.begin(), json.end(), holds_object));
}

// One line per field and per object in a list; numbers side by side.
void print(const Json& json, int indent, int depth, std::string& out) {
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
    if (object) out += Json(key).dump() + ": ";
    print(value, indent, depth + 1, out);
    out += --left ? ",\n" : "\n";
  }
  out += margin.substr(indent) + (object ? "}" : "]");
}

std::string text(const Json& json, int indent) {
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
}  // namespace control

std::string to_json(const Recipe& recipe, int indent) {
  auto json = control::whole(recipe);
  json["seeds"] = control::to(recipe.seeds);
  return control::text(json, indent);
}

std::string to_json(const std::vector<Control>& controls, int indent) {
  return control::text(control::to(controls), indent);
}

}  // namespace corepulse
