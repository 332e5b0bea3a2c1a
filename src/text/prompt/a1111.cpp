// A1111's emphasis, as its modules/prompt_parser.py documents it.
#include <algorithm>
#include <fmt/format.h>

#include "base/ascii.h"
#include "io/utf8.h"
#include "text/prompt/stretches.h"
#include "text/prompt/syntaxes.h"

namespace corepulse::text {
namespace {

constexpr double kRoundMore = 1.1, kSquareLess = 1 / 1.1;
constexpr std::string_view kBreak = "BREAK";

/** A weight in front of the bracket that it closes, from the colon at `at` on: the bytes behind it; 0: none. */
size_t weight_at(std::string_view text, size_t at, double& weight) {
  size_t begin = at + 1;
  while (begin < text.size() && is_space(text[begin])) ++begin;
  size_t end = begin;
  while (end < text.size() && (is_digit(text[end]) || text[end] == '.' || text[end] == '+' || text[end] == '-')) ++end;
  const auto number = text.substr(begin, end - begin);
  while (end < text.size() && is_space(text[end])) ++end;
  if (number.empty() || end == text.size() || text[end] != ')') return 0;
  if (number.find_first_of("+-", 1) != number.npos || number.find_first_not_of("+-") == number.npos) return 0;
  if (!parse_weight(number, weight))
    refuse_prompt(fmt::format("the weight {} is no number; expected one such as 1.2", io::printable(number)));
  return end + 1 - at;
}

/** Text with a weight, or the end of a chunk. */
struct Part {
  std::string text;
  double weight = 1;
  bool breaks = false;
};

class A1111Reader {
 public:
  explicit A1111Reader(std::string_view text) : text_(text) {}

  PromptText operator()() {
    for (size_t at = 0; at < text_.size();) at += take(at);
    while (!round_.empty()) close(round_, kRoundMore);
    while (!square_.empty()) close(square_, kSquareLess);
    Stretches made;
    for (const auto& part : parts_)
      if (part.breaks)
        made.end_chunk();
      else
        made.add(part.text, part.weight, /*joins=*/true);
    return std::move(made).take();
  }

 private:
  /** What stands at a byte: how many bytes it is. */
  size_t take(size_t at) {
    const char c = text_[at];
    double weight = 1;
    if (c == '\\') return escape(at);
    if (c == '(') return open(round_);
    if (c == '[') return open(square_);
    if (c == ':' && !round_.empty())
      if (const size_t bytes = weight_at(text_, at, weight)) return close(round_, weight), bytes;
    if (c == ')' && !round_.empty()) return close(round_, kRoundMore), 1;
    if (c == ']' && !square_.empty()) return close(square_, kSquareLess), 1;
    size_t end = at + 1;
    if (c != ')' && c != ']' && c != ':') end = std::min(text_.find_first_of("\\()[]:", at), text_.size());
    plain(at, end);
    return end - at;
  }

  size_t escape(size_t at) {
    if (at + 1 == text_.size() || std::string_view("()[]\\").find(text_[at + 1]) == std::string_view::npos) return 1;
    parts_.push_back({std::string(1, text_[at + 1])});
    return 2;
  }

  size_t open(std::vector<size_t>& brackets) {
    if (round_.size() + square_.size() >= kDeepestBrackets)
      refuse_prompt(fmt::format("more than {} brackets inside one another", kDeepestBrackets));
    brackets.push_back(parts_.size());
    return 1;
  }

  void close(std::vector<size_t>& brackets, double weight) {
    for (size_t i = brackets.back(); i < parts_.size(); ++i) parts_[i].weight *= weight;
    brackets.pop_back();
  }

  /** A run without brackets, cut at each BREAK that is a word of its own. */
  void plain(size_t at, size_t end) {
    const auto run = text_.substr(at, end - at);
    size_t done = 0;
    for (auto found = run.find(kBreak); found != run.npos; found = run.find(kBreak, found + 1)) {
      const size_t behind = found + kBreak.size();
      if ((found > 0 && is_word_char(run[found - 1])) || (behind < run.size() && is_word_char(run[behind]))) continue;
      size_t until = found;
      while (until > done && is_space(run[until - 1])) --until;
      parts_.push_back({std::string(run.substr(done, until - done))});
      parts_.push_back({.text = "", .weight = 1, .breaks = true});
      done = behind;
      while (done < run.size() && is_space(run[done])) ++done;
    }
    parts_.push_back({std::string(run.substr(done))});
  }

  std::string_view text_;
  std::vector<Part> parts_;
  std::vector<size_t> round_, square_;  // the first part inside
};

}  // namespace

PromptText read_a1111(std::string_view written) {
  return A1111Reader(written)();
}

}  // namespace corepulse::text
