#include "text/merges.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "io/utf8.h"

namespace corepulse::text {

std::pair<std::string, std::string> parse_merge(std::string_view line, std::string_view file) {
  const auto space = line.find(' ');
  if (space == 0 || space == std::string_view::npos || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string_view::npos)
    fail(ErrorCode::bad_file, "tokenizer",
         fmt::format("{}: \"{}\" is not a merge; expected two tokens with a space between", file, io::printable(line)));
  return {std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
}

Merges parse_merges(std::string_view text, std::string_view file, int most) {
  Merges merges;
  for (bool first = true; !text.empty() && static_cast<int>(merges.size()) < most; first = false) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool version = line.starts_with("#version") || (first && line.ends_with("#version: 0.2"));
    if (!version) merges.push_back(parse_merge(line, file));
  }
  return merges;
}

}  // namespace corepulse::text
