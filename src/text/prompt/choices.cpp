#include "text/prompt/choices.h"

#include <vector>

#include "text/prompt/stretches.h"

namespace corepulse::text {
namespace {

/** The next of a seed's random numbers (splitmix64, Steele et al. 2014). */
uint64_t next_random(uint64_t& seed) {
  uint64_t z = seed += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

constexpr auto kNone = std::string_view::npos;

/** By byte, where the braces close that open there and hold a bar of their own; kNone for all else. */
std::vector<size_t> choices_in(std::string_view text) {
  struct Open {
    size_t at;
    bool has_bar;
  };
  std::vector<size_t> ends(text.size(), kNone);
  std::vector<Open> open;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      open.push_back({i, false});
    } else if (text[i] == '|' && !open.empty()) {
      open.back().has_bar = true;
    } else if (text[i] == '}' && !open.empty()) {
      if (open.back().has_bar) ends[open.back().at] = i;
      open.pop_back();
    }
  }
  return ends;
}

/** What stands between bars, of which none is inside other braces. */
std::vector<std::string_view> parts_of(std::string_view inside) {
  std::vector<std::string_view> parts;
  int open = 0;
  size_t from = 0;
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == '\\')
      ++i;
    else if (inside[i] == '{')
      ++open;
    else if (inside[i] == '}')
      --open;
    else if (inside[i] == '|' && open == 0)
      parts.push_back(inside.substr(from, i - from)), from = i + 1;
  }
  parts.push_back(inside.substr(from));
  return parts;
}

std::string chosen(std::string_view text, uint64_t& seed, int depth) {
  if (depth > kDeepestBrackets) refuse_prompt("braces too deep inside one another");
  const auto ends = choices_in(text);
  std::string made;
  for (size_t at = 0; at < text.size();) {
    if (const size_t end = ends[at]; end != kNone) {
      const auto parts = parts_of(text.substr(at + 1, end - at - 1));
      made += chosen(parts[next_random(seed) % parts.size()], seed, depth + 1);
      at = end + 1;
      continue;
    }
    const size_t bytes = text[at] == '\\' && at + 1 < text.size() ? 2 : 1;
    made += text.substr(at, bytes);
    at += bytes;
  }
  return made;
}

}  // namespace

std::string choose(std::string_view written, uint64_t& seed) {
  return chosen(written, seed, 0);
}

}  // namespace corepulse::text
