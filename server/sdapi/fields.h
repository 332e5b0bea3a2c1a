#pragma once
// The fields of A1111's requests: which were read, and which nobody knew.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace corepulse::server {

/** Every one of them may be missing or null. Each throws Problem 400 for another type, or a number outside. */
class SdFields {
 public:
  /** @param body an object, which outlives this. */
  explicit SdFields(const nlohmann::json& body) : body_(body) {}
  /** The value; nullptr: it is missing or null. The field counts as read. */
  const nlohmann::json* take(const std::string& field);
  std::string text(const std::string& field, const std::string& otherwise = "");
  double number(const std::string& field, double otherwise, double least, double most);
  int64_t whole(const std::string& field, int64_t otherwise, int64_t least, int64_t most);
  bool flag(const std::string& field, bool otherwise = false);
  /** Those that were not read. */
  std::vector<std::string> unread() const;

 private:
  const nlohmann::json& body_;
  std::set<std::string> read_;
};

/** null, false, 0, -1, "", "None", [] and {}: what clients send where nothing is asked for. */
bool asks_nothing(const nlohmann::json& value);

}  // namespace corepulse::server
