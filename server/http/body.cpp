#include "http/body.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "corepulse/nearest_name.h"

#include "http/message.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

constexpr int kDeepest = 64, kMostValues = 200000;

[[noreturn]] void refuse_json(const std::string& message) {
  throw Problem(400, "invalid_request", message);
}

/** What the parser tells is looked at before it is kept. */
class Check {
 public:
  bool operator()(int depth, json::parse_event_t event, const json& given) {
    using Event = json::parse_event_t;
    if (depth > kDeepest) refuse_json(fmt::format("[json] deeper than {} levels", kDeepest));
    if (++values_ > kMostValues) refuse_json(fmt::format("[json] more than {} values", kMostValues));
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key && !keys_.back().insert(given.get<std::string>()).second)
      refuse_json(fmt::format("[json] the field \"{}\" twice", given.get<std::string>().substr(0, 80)));
    return true;
  }

 private:
  int values_ = 0;
  std::vector<std::set<std::string>> keys_;
};

const char* kind_of(const json& value) {
  return value.is_string()   ? "a text"
         : value.is_object() ? "an object"
         : value.is_array()  ? "a list"
                             : value.type_name();
}

/** As JSON Schema has whole numbers: 3.0 is one, too. Beyond 2^53 a double does not tell them apart. */
std::optional<int64_t> whole_number(const json& value) {
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (number != std::floor(number) || std::abs(number) > 9007199254740992.0) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX))
    return std::nullopt;
  return value.get<int64_t>();
}

}  // namespace

json read_json(std::string_view text) {
  if (text.empty()) refuse_json("[json] no body; expected a JSON object");
  if (!is_utf8(text)) refuse_json("[json] not UTF-8");
  Check check;
  try {
    auto value = json::parse(text, std::ref(check));
    if (!value.is_object()) refuse_json(fmt::format("[json] {}; expected an object", kind_of(value)));
    return value;
  } catch (const json::exception& error) {
    refuse_json(fmt::format("[json] {}", error.what()));
  }
}

void check_fields(const json& object, const std::vector<std::string>& known, const std::string& where) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto near = nearest_name(key, known);
    refuse_json(fmt::format("[{}{}] no such field{}", where, key.substr(0, 80),
                            near.empty() ? "" : fmt::format("; did you mean {}?", near)));
  }
}

const json& object_of(const json& object, const std::string& field) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_object()) refuse_json(fmt::format("[{}] expected an object", field));
  return *found;
}

std::string text_of(const json& object, const std::string& field) {
  const auto found = object.find(field);
  if (found == object.end()) refuse_json(fmt::format("[{}] missing; expected a text", field));
  if (!found->is_string()) refuse_json(fmt::format("[{}] {}; expected a text", field, kind_of(*found)));
  return found->get<std::string>();
}

std::string text_of(const json& object, const std::string& field, const std::string& otherwise) {
  const auto found = object.find(field);
  return found == object.end() || found->is_null() ? otherwise : text_of(object, field);
}

int64_t number_of(const json& object, const std::string& field, int64_t otherwise, int64_t least, int64_t most) {
  const auto found = object.find(field);
  if (found == object.end() || found->is_null()) return otherwise;
  const auto number = whole_number(*found);
  if (!number || *number < least || *number > most)
    refuse_json(fmt::format("[{}] expected a whole number of {} to {}", field, least, most));
  return *number;
}

}  // namespace corepulse::server
