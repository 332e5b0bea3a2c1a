#pragma once
// JSON as Python writes it.

#include "io/json.h"

namespace corepulse::io {

/**
 * parse_json of text that may hold Infinity, -Infinity and NaN as they stand, which is no JSON: here they are the texts
 * "Infinity", "-Infinity" and "NaN", that whoever needs a number refuses.
 */
Json parse_python_json(std::string_view text, std::string_view where, const JsonLimits& limits = {},
                       ErrorCode code = ErrorCode::bad_file);

}  // namespace corepulse::io
