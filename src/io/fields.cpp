#include "io/fields.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::io {

Fields::Fields(const Json& object, std::string where, FieldsOptions options)
    : object_(object), where_(std::move(where)), part_(options.part), nulls_(options.nulls) {
  if (!object.is_object()) refuse(ErrorCode::bad_file, "the file holds no JSON object; expected a model's config");
}

void Fields::refuse(ErrorCode code, const std::string& message) const {
  if (part_.empty()) fail(code, where_, message);
  fail(code, part_, fmt::format("{}: {}", where_, message));
}

const Json* Fields::find(const char* name) const {
  read_.emplace(name);
  const auto found = object_.find(name);
  if (found == object_.end() || (nulls_ && found->is_null())) return nullptr;
  return &*found;
}

bool Fields::has(const char* name) const {
  return find(name) != nullptr;
}

bool Fields::is_null(const char* name) const {
  return !find(name) && object_.contains(name);
}

// Short enough for a message, whatever the file holds; replace: a string may end inside a UTF-8 sequence.
std::string Fields::shown(const char* name) const {
  const auto value = object_.find(name);
  if (value == object_.end()) return fmt::format("{} is missing", name);
  auto text = value->dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 80) + "...";
  return fmt::format("{} is {}", name, text);
}

void Fields::bad(const char* name, std::string_view expected) const {
  refuse(ErrorCode::bad_file, fmt::format("{}; expected {}", shown(name), expected));
}

void Fields::unsupported(const char* name, std::string_view expected) const {
  refuse(ErrorCode::unsupported_model, fmt::format("{}; this program implements {}", shown(name), expected));
}

int Fields::to_integer(const char* name, const Json& value, Range range) const {
  const auto expected = fmt::format("a whole number from {} to {}", range.least, range.most);
  // Some writers store integers as 8.0; anything beyond the range is refused before it is converted.
  if (!value.is_number()) bad(name, expected);
  const double number = value.get<double>();
  if (number != std::floor(number) || number < static_cast<double>(range.least) ||
      number > static_cast<double>(range.most))
    bad(name, expected);
  return static_cast<int>(number);
}

int Fields::integer(const char* name, int fallback, Range range) const {
  const auto* value = find(name);
  return value ? to_integer(name, *value, range) : fallback;
}

int Fields::integer(const char* name, Range range) const {
  if (!find(name)) bad(name, fmt::format("a whole number from {} to {}", range.least, range.most));
  return integer(name, 0, range);
}

double Fields::number(const char* name, double fallback, double least, double most) const {
  const auto* value = find(name);
  if (!value) return fallback;
  if (!value->is_number() || !(value->get<double>() >= least && value->get<double>() <= most))
    bad(name, fmt::format("a number from {} to {}", least, most));
  return value->get<double>();
}

bool Fields::flag(const char* name, bool fallback) const {
  const auto* value = find(name);
  if (!value) return fallback;
  if (!value->is_boolean()) bad(name, "true or false");
  return value->get<bool>();
}

std::string Fields::text(const char* name, const char* fallback) const {
  const auto* value = find(name);
  if (!value) return fallback;
  if (!value->is_string()) bad(name, "a string");
  return value->get<std::string>();
}

std::vector<int> Fields::integers(const char* name, int fallback, size_t count, Range range) const {
  const auto* value = find(name);
  if (!value || !value->is_array()) return std::vector(count, integer(name, fallback, range));
  if (value->size() != count) bad(name, fmt::format("one number, or {} of them: one for each block", count));
  return list(name, {}, count, range);
}

std::vector<std::vector<int>> Fields::nested(const char* name, int fallback, size_t count, Range range) const {
  constexpr size_t kMost = 32;  // numbers in one list
  const auto* value = find(name);
  if (!value || !value->is_array()) return {count, {integer(name, fallback, range)}};
  if (value->size() != count) bad(name, fmt::format("one number, or {} of them: one for each block", count));
  std::vector<std::vector<int>> result;
  for (const auto& element : *value) {
    auto& list = result.emplace_back();
    if (!element.is_array()) {
      list.push_back(to_integer(name, element, range));
      continue;
    }
    if (element.empty() || element.size() > kMost) bad(name, fmt::format("lists of 1 to {} integers", kMost));
    for (const auto& number : element) list.push_back(to_integer(name, number, range));
  }
  return result;
}

std::vector<bool> Fields::flags(const char* name, bool fallback, size_t count) const {
  const auto* value = find(name);
  if (!value || !value->is_array()) return std::vector<bool>(count, flag(name, fallback));
  std::vector<bool> result;
  for (const auto& element : *value)
    if (element.is_boolean()) result.push_back(element.get<bool>());
  if (result.size() != count || value->size() != count)
    bad(name, fmt::format("true or false, or {} of them: one for each block", count));
  return result;
}

std::vector<int> Fields::list(const char* name, const std::vector<int>& fallback, size_t most, Range range) const {
  const auto* value = find(name);
  if (!value) return fallback;
  if (!value->is_array() || value->empty() || value->size() > most)
    bad(name, fmt::format("a list of 1 to {} integers", most));
  std::vector<int> result;
  for (const auto& element : *value) result.push_back(to_integer(name, element, range));
  return result;
}

std::vector<double> Fields::numbers(const char* name, size_t most) const {
  const auto* value = find(name);
  if (!value) return {};
  std::vector<double> result;
  if (value->is_array() && !value->empty() && value->size() <= most)
    for (const auto& element : *value)
      if (element.is_number()) result.push_back(element.get<double>());
  if (result.empty() || result.size() != value->size()) bad(name, fmt::format("a list of 1 to {} numbers", most));
  return result;
}

std::vector<std::string> Fields::texts(const char* name, const std::vector<std::string>& fallback, size_t most) const {
  const auto* value = find(name);
  if (!value) return fallback;
  std::vector<std::string> result;
  if (value->is_array() && !value->empty() && value->size() <= most)
    for (const auto& element : *value)
      if (element.is_string()) result.push_back(element.get<std::string>());
  if (result.empty() || result.size() != value->size()) bad(name, fmt::format("a list of 1 to {} strings", most));
  return result;
}

int Fields::uniform(const char* name, int fallback, Range range) const {
  const auto* value = find(name);
  if (!value || !value->is_array()) return integer(name, fallback, range);
  const auto all = list(name, {}, 16, range);
  if (std::any_of(all.begin(), all.end(), [&](int n) { return n != all[0]; }))
    unsupported(name, "one number for all blocks");
  return all[0];
}

bool Fields::allows(const Fixed& fixed) const {
  if (!has(fixed.field) && !is_null(fixed.field)) return true;
  const auto allowed = Json::parse(fixed.values);
  const auto is_allowed = [&](const Json& value) {
    return std::find(allowed.begin(), allowed.end(), value) != allowed.end();
  };
  const auto& value = object_.at(fixed.field);
  const bool per_block = value.is_array() && !value.empty();
  return per_block ? std::all_of(value.begin(), value.end(), is_allowed) : is_allowed(value);
}

void Fields::require(std::span<const Fixed> fixed) const {
  for (const auto& row : fixed)
    if (!allows(row)) unsupported(row.field, row.values);
}

void Fields::ignore(std::span<const char* const> names) const {
  for (const char* name : names) read_.emplace(name);
}

std::vector<std::string> Fields::unread() const {
  std::vector<std::string> result;
  for (const auto& [name, value] : object_.items())
    if (!name.starts_with('_') && !read_.contains(name)) result.push_back(name);
  return result;
}

}  // namespace corepulse::io
