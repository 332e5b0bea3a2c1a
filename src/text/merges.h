#pragma once
// The text form of byte-pair merges: one "left right" a line, most important first.

#include <climits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corepulse::text {

using Merges = std::vector<std::pair<std::string, std::string>>;

/** "left right". @throws Error{bad_file} unless there are exactly two parts. */
std::pair<std::string, std::string> parse_merge(std::string_view line, std::string_view file);

/** The first `most` merges of a text; a first line that names the version is passed over. */
Merges parse_merges(std::string_view text, std::string_view file, int most = INT_MAX);

}  // namespace corepulse::text
