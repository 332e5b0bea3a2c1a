#include "sdapi/fields.h"

#include <cmath>
#include <fmt/format.h>

#include "http/problem.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

[[noreturn]] void refuse_field(const std::string& field, const std::string& expected) {
  throw Problem(400, "invalid_request", fmt::format("[{}] expected {}", field.substr(0, 80), expected));
}

}  // namespace

const json* SdFields::take(const std::string& field) {
  read_.insert(field);
  const auto found = body_.find(field);
  return found == body_.end() || found->is_null() ? nullptr : &*found;
}

std::string SdFields::text(const std::string& field, const std::string& otherwise) {
  const auto* value = take(field);
  if (!value) return otherwise;
  if (!value->is_string()) refuse_field(field, "a text");
  return value->get<std::string>();
}

double SdFields::number(const std::string& field, double otherwise, double least, double most) {
  const auto* value = take(field);
  if (!value) return otherwise;
  if (!value->is_number()) refuse_field(field, "a number");
  const auto number = value->get<double>();
  if (!(number >= least && number <= most)) refuse_field(field, fmt::format("a number from {} to {}", least, most));
  return number;
}

int64_t SdFields::whole(const std::string& field, int64_t otherwise, int64_t least, int64_t most) {
  const auto value = number(field, double(otherwise), double(least), double(most));
  if (value != std::floor(value)) refuse_field(field, "a whole number");
  return int64_t(value);
}

bool SdFields::flag(const std::string& field, bool otherwise) {
  const auto* value = take(field);
  if (!value) return otherwise;
  if (value->is_boolean()) return value->get<bool>();
  return whole(field, 0, 0, 1) == 1;
}

std::vector<std::string> SdFields::unread() const {
  std::vector<std::string> fields;
  for (const auto& [field, value] : body_.items())
    if (!read_.contains(field)) fields.push_back(field);
  return fields;
}

bool asks_nothing(const json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<double>() == 0 || value.get<double>() == -1;
  if (value.is_string()) return value.get<std::string>().empty() || value.get<std::string>() == "None";
  return value.empty();
}

}  // namespace corepulse::server
