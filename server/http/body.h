#pragma once
// JSON that strangers sent, checked before use.
//
//   const auto body = read_json(request.body);
//   const auto prompt = text_of(body, "prompt"), syntax = text_of(body, "syntax", "plain");

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace corepulse::server {

/**
 * An object. @throws Problem 400: no JSON, not UTF-8, deeper than 64, more than 200,000 values, a key twice, a number
 * that is none of a double's.
 */
nlohmann::json read_json(std::string_view text);

/** For APIs of our own: refuses fields that are not among `known`, with the nearest one. @throws Problem 400. */
void check_fields(const nlohmann::json& object, const std::vector<std::string>& known, const std::string& where = "");

/** The field, an object. @throws Problem 400. */
const nlohmann::json& object_of(const nlohmann::json& object, const std::string& field);
/** @throws Problem 400 where the field is missing or of another type; with `otherwise` it may be missing or null. */
std::string text_of(const nlohmann::json& object, const std::string& field);
std::string text_of(const nlohmann::json& object, const std::string& field, const std::string& otherwise);
int64_t number_of(const nlohmann::json& object, const std::string& field, int64_t otherwise, int64_t least,
                  int64_t most);

}  // namespace corepulse::server
