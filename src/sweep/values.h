#pragma once
// Values of an axis from ranges and short words.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"

namespace corepulse::sweep {

/** From one number to another, both included if the steps meet it. Whole numbers stay whole. */
struct Range {
  io::Json from, to;
  std::optional<long long> count = {};
  std::optional<io::Json> step = {};  ///< Neither: 1.
};

/** @throws Error{invalid_request} naming `where`. */
std::vector<io::Json> values_of(const Range& range, std::string_view where);

/**
 * "input:0,middle:0", "0..1:5", "1..9/2", "[...]" as JSON. @param field the last name of its path: `when` and `region`
 * may be written as in the short forms of controls. @throws Error{invalid_request}.
 */
std::vector<io::Json> parse_values(std::string_view text, const std::string& field);

}  // namespace corepulse::sweep
