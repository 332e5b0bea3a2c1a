#include "control/recipe/recipe_read.h"

#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "base/fail.h"
#include "control/quote.h"
#include "control/recipe/read_object.h"

namespace corepulse::control {

std::string what_is(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object {...}";
    case Json::value_t::array:
      return fmt::format("a list of {}", json.size());
    case Json::value_t::string:
      return "the text " + quote(json.get_ref<const std::string&>());
    case Json::value_t::boolean:
      return json.get<bool>() ? "true" : "false";
    default:
      return "the number " + json.dump();
  }
}

void refuse_word(const std::string& path, const std::string& what, const std::string& given,
                 const std::vector<std::string>& valid) {
  refuse(path, fmt::format("unknown {} {}; {}", what, quote(given), choices(given, valid)));
}

std::string join(const std::string& path, const std::string& field) {
  return path.empty() ? field : path + "." + field;
}

ObjectReader::ObjectReader(const Json& json, std::string path) : json_(json), path_(std::move(path)) {
  if (!json.is_object()) refuse(path_, what_is(json) + "; expected an object {...}");
}

const Json* ObjectReader::find(const char* name) {
  known_.emplace_back(name);
  const auto found = json_.find(name);
  return found == json_.end() ? nullptr : &*found;
}

const Json& ObjectReader::require(const char* name) {
  if (const auto* json = find(name)) return *json;
  refuse(path_, fmt::format("the field \"{}\" is missing", name));
}

void ObjectReader::finish(const std::string& what) const {
  for (const auto& [name, value] : json_.items())
    if (std::find(known_.begin(), known_.end(), name) == known_.end())
      refuse_word(path_, "field of " + what, name, known_);
}

void read(const Json& json, std::string& out, const std::string& path) {
  if (!json.is_string()) refuse(path, what_is(json) + "; expected a text \"...\"");
  out = json.get_ref<const std::string&>();
}

void read(const Json& json, bool& out, const std::string& path) {
  if (!json.is_boolean()) refuse(path, what_is(json) + "; expected true or false");
  out = json.get<bool>();
}

namespace {

template <class T>
T whole_number(const Json& json, const std::string& path) {
  constexpr auto least = std::numeric_limits<T>::min(), most = std::numeric_limits<T>::max();
  const bool fits = json.is_number_unsigned() ? json.get<uint64_t>() <= static_cast<uint64_t>(most)
                                              : json.is_number_integer() && std::in_range<T>(json.get<int64_t>());
  if (!fits) refuse(path, fmt::format("{}; expected a whole number of {}..{}", what_is(json), least, most));
  return json.get<T>();
}

}  // namespace

void read(const Json& json, int& out, const std::string& path) {
  out = whole_number<int>(json, path);
}
void read(const Json& json, unsigned& out, const std::string& path) {
  out = whole_number<unsigned>(json, path);
}
void read(const Json& json, uint64_t& out, const std::string& path) {
  out = whole_number<uint64_t>(json, path);
}

void read(const Json& json, double& out, const std::string& path) {
  if (!json.is_number() || !std::isfinite(json.get<double>()))
    refuse(path, what_is(json) + "; expected a finite number");
  out = json.get<double>();
}

void read(const Json& json, Curve& out, const std::string& path) {
  if (json.is_number()) {
    out.points = {{0, 0}};
    return read(json, out.points[0].second, path);
  }
  if (json.is_object()) {
    ObjectReader object(json, path);
    std::vector<double> ramp;
    read(object.require("ramp"), ramp, join(path, "ramp"));
    object.finish("a curve");
    if (ramp.size() < 2 || ramp.size() > 4)
      refuse(join(path, "ramp"),
             fmt::format("{} numbers; expected [start, end, edge, height], the last two optional", ramp.size()));
    out = Curve::ramp(ramp[0], ramp[1], ramp.size() > 2 ? ramp[2] : 0.1, ramp.size() > 3 ? ramp[3] : 1);
    return;
  }
  if (!json.is_array() || json.empty())
    refuse(path, what_is(json) + "; expected a number, or points [[progress, value], ...]");
  read(json, out.points, path);
}

void read(const Json& json, Window& out, const std::string& path) {
  const auto units = strings(names_of<Window::Unit>());
  if (json.is_string()) {
    if (json == "always") return void(out = {});
    refuse(path, what_is(json) + "; expected \"always\" or an object such as {\"sigma\": [15, 0]}");
  }
  if (!json.is_object() || json.size() != 1)
    refuse(path, what_is(json) +
                     "; expected one of {\"steps\": [a, b]}, {\"progress\": [p, q]}, "
                     "{\"sigma\": [start, end]}, {\"percent\": [start, end]}");
  const auto& unit = json.begin().key();
  const auto found = std::find(units.begin() + 1, units.end(), unit);
  if (found == units.end()) refuse_word(path, "unit", unit, {units.begin() + 1, units.end()});
  out.unit = static_cast<Window::Unit>(found - units.begin());
  const auto& pair = *json.begin();
  const auto inside = join(path, unit);
  if (out.unit == Window::Unit::steps) {
    std::pair<int, int> steps;
    read(pair, steps, inside);
    out = Window::steps(steps.first, steps.second);
    return;
  }
  if (!pair.is_array() || pair.size() != 2) refuse(inside, what_is(pair) + "; expected [start, end]");
  if (out.unit == Window::Unit::sigma && pair[0] == "inf")
    out.start = INFINITY;
  else
    read(pair[0], out.start, inside + "[0]");
  read(pair[1], out.end, inside + "[1]");
}

namespace {

template <class T, class Parse>
void read_alias(const Json& json, T& out, const std::string& path, Parse parse) {
  std::string word;
  read(json, word, path);
  try {
    out = parse(word);
  } catch (const Error& error) {
    refuse(path, error.what());
  }
}

}  // namespace

void read(const Json& json, SamplerKind& out, const std::string& path) {
  read_alias(json, out, path, [](const auto& word) { return parse_sampler(word).sampler; });
}
void read(const Json& json, ScheduleKind& out, const std::string& path) {
  read_alias(json, out, path, parse_schedule);
}
void read(const Json& json, NoiseKind& out, const std::string& path) {
  read_alias(json, out, path, parse_noise);
}
void read(const Json& json, Compat& out, const std::string& path) {
  read_alias(json, out, path, parse_compat);
}

}  // namespace corepulse::control
