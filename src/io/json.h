#pragma once
// JSON from untrusted text and files: bounded in size and depth, duplicate keys refused.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "corepulse/error.h"

namespace corepulse::io {

using Json = nlohmann::json;

/** Limits while parsing; the defaults suit configs and recipes. */
struct JsonLimits {
  size_t bytes = 32u << 20;
  int depth = 32;
  size_t values = 1u << 20;  ///< Values of all kinds, so that small text cannot become much memory.
};

/** Parses `text`. @throws Error{code} with `where` and the byte position; non-UTF-8, NaN and
 * duplicate keys are errors. */
Json parse_json(std::string_view text, std::string_view where, const JsonLimits& limits = {},
                ErrorCode code = ErrorCode::bad_file);

/**
 * Reads and parses a file of a model. Python writes Infinity, -Infinity and NaN as they stand, which is no JSON: here
 * they are the texts "Infinity", "-Infinity" and "NaN", that whoever needs a number refuses. @throws Error not_found,
 * io or bad_file naming the file.
 */
Json read_json(const std::filesystem::path& file, const JsonLimits& limits = {});

}  // namespace corepulse::io
