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

/** The parts of the braces that open at `at`, and the byte behind them; none if they do not close. */
std::vector<std::string_view> parts_of(std::string_view text, size_t at, size_t& end) {
  std::vector<std::string_view> parts;
  int open = 0;
  size_t from = at + 1;
  for (size_t i = from; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++open;
    } else if (open == 0 && (text[i] == '|' || text[i] == '}')) {
      parts.push_back(text.substr(from, i - from));
      from = i + 1;
      if (text[i] == '}') return end = i + 1, parts;
    } else if (text[i] == '}') {
      --open;
    }
  }
  return {};
}

std::string chosen(std::string_view text, uint64_t& seed, int depth) {
  if (depth > kDeepestBrackets) refuse_prompt("braces too deep inside one another");
  std::string made;
  for (size_t at = 0; at < text.size();) {
    size_t end = 0;
    if (text[at] == '{')
      if (const auto parts = parts_of(text, at, end); parts.size() > 1) {
        made += chosen(parts[next_random(seed) % parts.size()], seed, depth + 1);
        at = end;
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
