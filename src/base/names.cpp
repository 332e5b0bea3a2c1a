#include "base/names.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <numeric>

#include "corepulse/nearest_name.h"

namespace corepulse {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_name(std::string_view given, const std::vector<std::string>& valid) {
  given = given.substr(0, 64);  // hostile input must not cost quadratic time
  std::string best;
  size_t least = SIZE_MAX;
  for (const auto& name : valid) {
    const size_t distance = edit_distance(given, name);
    if (distance < least && distance * 2 <= name.size()) least = distance, best = name;
  }
  return best;
}

std::string choices(std::string_view given, const std::vector<std::string>& valid) {
  const auto near = nearest_name(given, valid);
  std::vector<std::string> once;  // a field that is read in two ways is one
  for (const auto& name : valid)
    if (std::find(once.begin(), once.end(), name) == once.end()) once.push_back(name);
  return fmt::format("valid: {}{}", fmt::join(once, ", "),
                     near.empty() ? "" : fmt::format(" (did you mean {}?)", near));
}

}  // namespace corepulse
