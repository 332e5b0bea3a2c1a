#include "sweep/field_path.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <iterator>
#include <string_view>

#include "corepulse/sampling.h"

#include "base/ascii.h"
#include "base/fail.h"
#include "io/utf8.h"

namespace corepulse::sweep {

namespace {

constexpr size_t kMostSteps = 32;
constexpr size_t kMostPlace = 100000;

/** No recipe has fields of these names, controls have. */
constexpr std::string_view kOfControls[] = {"where",    "when",   "region", "rows",  "heads", "mode",    "enabled",
                                            "strength", "gain_k", "gain_v", "scale", "value", "context", "occurrence"};

[[noreturn]] void no_path(const std::string& text, std::string_view why) {
  fail(ErrorCode::invalid_request, "axis",
       fmt::format("\"{}\" names no field: {}; expected one as controls[0].strength, or a word as {{animal}}",
                   io::printable(text), why));
}

/** "strength" of "strength.x"; moves behind it. */
std::string take_name(const std::string& text, size_t& at) {
  const size_t first = at;
  while (at < text.size() && (is_word_char(text[at]))) ++at;
  if (at == first) no_path(text, fmt::format("no name at letter {}", first + 1));
  return text.substr(first, at - first);
}

/** 0 of "[0]"; moves behind it. */
size_t take_place(const std::string& text, size_t& at) {
  size_t place = 0;
  const auto [end, error] = std::from_chars(text.data() + at + 1, text.data() + text.size(), place);
  if (error != std::errc() || end == text.data() + text.size() || *end != ']' || place > kMostPlace)
    no_path(text, fmt::format("no place in brackets at letter {}", at + 1));
  at = size_t(end - text.data()) + 1;
  return place;
}

std::string shown_up_to(const FieldPath& path, size_t steps) {
  std::string text;
  for (size_t i = 0; i < steps; ++i) {
    if (const auto* name = std::get_if<std::string>(&path.steps[i]))
      text += (text.empty() ? "" : ".") + *name;
    else
      text += fmt::format("[{}]", std::get<size_t>(path.steps[i]));
  }
  return text;
}

[[noreturn]] void not_there(const FieldPath& path, size_t step, std::string_view why) {
  fail(ErrorCode::invalid_request, shown_up_to(path, path.steps.size()),
       fmt::format("the recipe has no {}: {}", shown_up_to(path, step + 1), why));
}

/** Where the step leads; a field that is missing is made, unless it shall be taken away. */
io::Json* child(io::Json& json, const FieldPath& path, size_t i) {
  if (const auto* name = std::get_if<std::string>(&path.steps[i])) {
    if (json.is_null()) json = io::Json::object();
    if (!json.is_object()) not_there(path, i, "what should hold it is no object");
    return &json[*name];
  }
  const auto place = std::get<size_t>(path.steps[i]);
  if (!json.is_array() || place >= json.size())
    not_there(path, i, json.is_array() ? fmt::format("its list has {}", json.size()) : "there is no list");
  return &json[place];
}

/** "DPM++ 2M Karras" does. */
bool names_a_schedule(const io::Json& sampler) {
  if (!sampler.is_string()) return false;
  try {
    return parse_sampler(sampler.get_ref<const std::string&>()).schedule != ScheduleKind::model;
  } catch (const Error&) {
    return false;  // reading the recipe says what is wrong
  }
}

}  // namespace

std::string FieldPath::last_name() const {
  for (auto step = steps.rbegin(); step != steps.rend(); ++step)
    if (const auto* name = std::get_if<std::string>(&*step)) return *name;
  return "";
}

FieldPath parse_path(const std::string& text) {
  if (!io::is_utf8(text)) no_path(text, "it is not UTF-8");
  FieldPath path;
  size_t at = 0;
  path.steps.emplace_back(take_name(text, at));
  while (at < text.size()) {
    if (path.steps.size() == kMostSteps) no_path(text, "it is too deep");
    if (text[at] == '[')
      path.steps.emplace_back(take_place(text, at));
    else if (text[at] == '.')
      path.steps.emplace_back(take_name(text, ++at));
    else
      no_path(text, fmt::format("a letter it cannot have, at {}", at + 1));
  }
  const auto& first = std::get<std::string>(path.steps[0]);
  if (std::find(std::begin(kOfControls), std::end(kOfControls), first) != std::end(kOfControls))
    path.steps.insert(path.steps.begin(), {Step(std::string("controls")), Step(size_t(0))});
  return path;
}

void make_way(io::Json& recipe, const FieldPath& path, const io::Json& value) {
  const auto field = shown_up_to(path, path.steps.size());
  if (field == "few_steps" && (!value.is_null() || recipe.contains("few_steps")))
    for (const char* set_by_it : {"steps", "guidance", "sampler", "schedule", "timesteps", "sigmas"})
      recipe.erase(set_by_it);
  if (!field.ends_with("sampler") || !names_a_schedule(value)) return;
  if (field == "sampler") recipe.erase("schedule");
  if (const auto pass = recipe.find("second_pass");
      field == "second_pass.sampler" && pass != recipe.end() && pass->is_object())
    pass->erase("schedule");
}

void set_field(io::Json& recipe, const FieldPath& path, const io::Json& value) {
  auto* parent = &recipe;
  for (size_t i = 0; i + 1 < path.steps.size(); ++i) parent = child(*parent, path, i);
  const auto* name = std::get_if<std::string>(&path.steps.back());
  if (value.is_null() && name) {
    if (parent->is_object()) parent->erase(*name);
    return;
  }
  if (value.is_null()) not_there(path, path.steps.size() - 1, "a place of a list cannot be taken away");
  *child(*parent, path, path.steps.size() - 1) = value;
  if (path.steps.size() == 1 && (*name == "seed" || *name == "seeds")) recipe.erase(*name == "seed" ? "seeds" : "seed");
}

}  // namespace corepulse::sweep
