// Sweeps as JSON and as short texts.

#include <algorithm>
#include <fmt/format.h>

#include "corepulse/sweep.h"

#include "base/ascii.h"
#include "base/fail.h"
#include "base/names.h"
#include "io/json.h"
#include "io/utf8.h"
#include "sweep/field_path.h"
#include "sweep/values.h"

namespace corepulse {

namespace {

[[noreturn]] void wrong_spec(const std::string& where, const std::string& why) {
  fail(ErrorCode::invalid_request, where, why);
}

void only(const io::Json& json, const std::string& where, const std::vector<std::string>& fields) {
  if (!json.is_object()) wrong_spec(where, "it is no object; expected fields in braces");
  for (const auto& [name, value] : json.items())
    if (std::find(fields.begin(), fields.end(), name) == fields.end())
      wrong_spec(where, fmt::format("unknown field {}; {}", io::printable(name), choices(name, fields)));
}

std::string text_of(const io::Json& json, const std::string& where) {
  if (!json.is_string()) wrong_spec(where, "it is no text");
  return json.get<std::string>();
}

std::vector<io::Json> read_values(const io::Json& json, const std::string& where) {
  if (json.contains("values")) {
    if (json.contains("from") || json.contains("to") || json.contains("count") || json.contains("step"))
      wrong_spec(where, "values and a range; expected one of them");
    const auto& values = json["values"];
    if (!values.is_array()) wrong_spec(where + ".values", "it is no list");
    return {values.begin(), values.end()};
  }
  if (!json.contains("from") || !json.contains("to"))
    wrong_spec(where, "no values; expected \"values\": [...], or \"from\", \"to\" and \"count\" or \"step\"");
  if (json.contains("count") && json.contains("step")) wrong_spec(where, "count and step; expected one of them");
  sweep::Range range{json["from"], json["to"]};
  if (json.contains("step")) range.step = json["step"];
  if (json.contains("count")) {
    const auto& count = json["count"];
    if (!count.is_number_unsigned() || count.get<uint64_t>() > Sweep::kMostCells)
      wrong_spec(where + ".count", fmt::format("expected a whole number of 1 to {}", Sweep::kMostCells));
    range.count = count.get<long long>();
  }
  return sweep::values_of(range, where);
}

SweepField read_field(const io::Json& json, const std::string& where) {
  if (!json.contains("field")) wrong_spec(where, "no field; expected \"field\": \"controls[0].strength\", say");
  SweepField field{text_of(json["field"], where + ".field"), {}};
  for (const auto& value : read_values(json, where)) field.values.push_back(value.dump());
  return field;
}

SweepAxis read_axis(const io::Json& json, const std::string& where) {
  SweepAxis axis;
  const std::vector<std::string> of_field{"field", "values", "from", "to", "count", "step"};
  auto fields = of_field;
  if (json.is_object() && json.contains("zip")) fields = {"zip"};
  fields.insert(fields.end(), {"name", "labels"});
  only(json, where, fields);
  if (json.contains("name")) axis.name = text_of(json["name"], where + ".name");
  if (json.contains("labels")) {
    if (!json["labels"].is_array()) wrong_spec(where + ".labels", "it is no list");
    for (const auto& label : json["labels"]) axis.labels.push_back(text_of(label, where + ".labels"));
  }
  if (!json.contains("zip")) {
    axis.fields.push_back(read_field(json, where));
    return axis;
  }
  if (!json["zip"].is_array()) wrong_spec(where + ".zip", "it is no list");
  for (const auto& part : json["zip"]) {
    const auto place = fmt::format("{}.zip[{}]", where, axis.fields.size());
    only(part, place, of_field);
    axis.fields.push_back(read_field(part, place));
  }
  return axis;
}

}  // namespace

Sweep sweep_from_json(std::string_view text) {
  const auto json = io::parse_json(text, "sweep", {}, ErrorCode::invalid_request);
  only(json, "sweep", {"version", "title", "recipe", "axes"});
  if (!json.contains("version") || json["version"] != 1) wrong_spec("sweep.version", "expected \"version\": 1");
  if (!json.contains("recipe") || !json["recipe"].is_object())
    wrong_spec("sweep.recipe", "expected the recipe that all cells have in common, an object");
  Sweep out{json["recipe"].dump(), {}, ""};
  if (json.contains("title")) out.title = text_of(json["title"], "sweep.title");
  if (json.contains("axes")) {
    if (!json["axes"].is_array()) wrong_spec("sweep.axes", "it is no list");
    for (const auto& axis : json["axes"])
      out.axes.push_back(read_axis(axis, fmt::format("sweep.axes[{}]", out.axes.size())));
  }
  (void)cell_count(out);
  return out;
}

std::string to_json(const Sweep& sweep, int indent) {
  auto axes = io::Json::array();
  for (const auto& axis : sweep.axes) {
    auto fields = io::Json::array();
    for (const auto& field : axis.fields) {
      auto values = io::Json::array();
      for (const auto& value : field.values)
        values.push_back(io::parse_json(value, "axes", {}, ErrorCode::invalid_request));
      fields.push_back({{"field", field.path}, {"values", std::move(values)}});
    }
    auto one = fields.size() == 1 ? fields[0] : io::Json{{"zip", std::move(fields)}};
    if (!axis.name.empty()) one["name"] = axis.name;
    if (!axis.labels.empty()) one["labels"] = axis.labels;
    axes.push_back(std::move(one));
  }
  const auto recipe = io::parse_json(sweep.recipe, "recipe", {}, ErrorCode::invalid_request);
  auto json = io::Json{{"version", 1}, {"recipe", recipe}, {"axes", std::move(axes)}};
  if (!sweep.title.empty()) json["title"] = sweep.title;
  return json.dump(indent);
}

SweepAxis parse_sweep_axis(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == text.npos)
    wrong_spec("axis",
               fmt::format("\"{}\" has no values; expected FIELD=VALUES: strength=0..1:5, where=input:0,middle:0",
                           io::printable(text)));
  const std::string path(trim(text.substr(0, equals)));
  const auto name = path.starts_with("{") ? path : sweep::parse_path(path).last_name();
  SweepField field{path, {}};
  for (const auto& value : sweep::parse_values(text.substr(equals + 1), name)) field.values.push_back(value.dump());
  return {"", {std::move(field)}, {}};
}

SweepAxis zipped(SweepAxis axis, SweepAxis other) {
  for (auto& field : other.fields) {
    if (!axis.fields.empty() && axis.fields[0].values.size() != field.values.size())
      wrong_spec("axis", fmt::format("{} values of {}, {} of {}; what changes together has as many",
                                     axis.fields[0].values.size(), io::printable(axis.fields[0].path),
                                     field.values.size(), io::printable(field.path)));
    axis.fields.push_back(std::move(field));
  }
  axis.labels.clear();
  return axis;
}

}  // namespace corepulse
