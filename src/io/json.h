#pragma once
// JSON from untrusted text and files: bounded in size and depth, duplicate keys refused.

#include <filesystem>
#include <string_view>

#include <nlohmann/json.hpp>

#include "corepulse/error.h"

namespace corepulse::io {

using Json = nlohmann::json;

/** Limits while parsing; the defaults suit configs and recipes. */
struct JsonLimits {
  size_t bytes = 32u << 20;
  int depth = 32;
};

/** Parses `text`. @throws Error{code} with `where` and the byte position; non-UTF-8, NaN and duplicate keys are errors. */
Json parse_json(std::string_view text, std::string_view where,
                const JsonLimits& limits = {}, ErrorCode code = ErrorCode::bad_file);

/** Reads and parses a file. @throws Error not_found, io or bad_file naming the file. */
Json read_json(const std::filesystem::path& file, const JsonLimits& limits = {});

}  // namespace corepulse::io
