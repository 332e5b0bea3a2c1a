#include "text/prompt/schedule.h"

#include <algorithm>
#include <set>

#include "base/ascii.h"
#include "base/number.h"
#include "text/prompt/stretches.h"

namespace corepulse::text {
namespace {

/** A piece of a prompt: text, or what is one of several parts at a step. */
struct Node {
  enum class Kind { text, editing, turns } kind = Kind::text;
  std::string text;
  int when = 0;                          // editing: the last step of parts[0]; behind it parts[1]
  std::vector<std::vector<Node>> parts;  // by what they hold, in order
};
using Nodes = std::vector<Node>;

/** A bracket's content, cut at its own colons and bars. */
struct Bracket {
  size_t end = 0;  // behind the closing one; 0: there is none
  std::vector<std::string_view> parts;
  std::string marks;  // between them
};

class ScheduleReader {
 public:
  ScheduleReader(int steps, std::set<int>& ends) : steps_(steps), ends_(ends) {}

  Nodes read(std::string_view text, int depth = 0) {
    if (depth > kDeepestBrackets) refuse_prompt("brackets too deep inside one another");
    Nodes nodes;
    std::string plain;
    const auto flush = [&] {
      if (!plain.empty()) nodes.push_back({.text = std::move(plain)});
      plain.clear();
    };
    for (size_t at = 0; at < text.size();) {
      if (text[at] == '[')
        if (const auto bracket = bracket_at(text, at); bracket.end > 0)
          if (auto node = node_of(bracket, depth); node.kind != Node::Kind::text) {
            flush();
            nodes.push_back(std::move(node));
            at = bracket.end;
            continue;
          }
      const size_t bytes = text[at] == '\\' && at + 1 < text.size() ? 2 : 1;
      plain += text.substr(at, bytes);
      at += bytes;
    }
    flush();
    return nodes;
  }

 private:
  /** What opens at `at` and closes; brackets inside it are whole. */
  static Bracket bracket_at(std::string_view text, size_t at) {
    Bracket found;
    std::string open;
    size_t from = at + 1;
    for (size_t i = from; i < text.size(); ++i) {
      const char c = text[i];
      if (c == '\\') {
        ++i;
      } else if (c == '(' || c == '[') {
        open += c;
      } else if (!open.empty()) {
        if ((c == ')' || c == ']') && open.back() == (c == ')' ? '(' : '[')) open.pop_back();
      } else if (c == ':' || c == '|') {
        found.parts.push_back(text.substr(from, i - from));
        found.marks += c;
        from = i + 1;
      } else if (c == ']') {
        found.parts.push_back(text.substr(from, i - from));
        found.end = i + 1;
        return found;
      }
    }
    return {};
  }

  Node node_of(const Bracket& bracket, int depth) {
    Node node;
    const auto& marks = bracket.marks;
    if (!marks.empty() && marks.find(':') == marks.npos) {
      node.kind = Node::Kind::turns;
      for (int step = 1; step <= steps_; ++step) ends_.insert(step);
      for (const auto part : bracket.parts) node.parts.push_back(read(part, depth + 1));
      return node;
    }
    if (marks.empty() || marks.back() != ':' || std::count(marks.begin(), marks.end(), ':') > 2) return node;
    const auto number = trim(bracket.parts.back());
    if (number.find_first_not_of("+-.0123456789eE") != number.npos) return node;
    const auto when = leading_number(number.starts_with('+') ? number.substr(1) : number);
    if (!when || when->length + number.starts_with('+') != number.size()) return node;
    node.kind = Node::Kind::editing;
    const double share = number.find('.') == number.npos ? 1 : steps_;
    node.when = static_cast<int>(std::clamp(when->value * share, -1.0, static_cast<double>(steps_)));
    if (node.when >= 1) ends_.insert(node.when);
    // "|" between colons is text.
    std::vector<std::string> texts{""};
    for (size_t i = 0; i + 1 < bracket.parts.size(); ++i) {
      if (i > 0 && marks[i - 1] == ':') texts.emplace_back();
      if (i > 0 && marks[i - 1] == '|') texts.back() += '|';
      texts.back() += bracket.parts[i];
    }
    if (texts.size() == 1) texts.insert(texts.begin(), "");
    for (const auto& text : texts) node.parts.push_back(read(text, depth + 1));
    return node;
  }

  int steps_;
  std::set<int>& ends_;  // steps, counted from 1, behind which something changes
};

std::string at_step(const Nodes& nodes, int step) {
  std::string text;
  for (const auto& node : nodes) {
    if (node.kind == Node::Kind::text)
      text += node.text;
    else if (node.kind == Node::Kind::editing)
      text += at_step(node.parts[step > node.when], step);
    else
      text += at_step(node.parts[static_cast<size_t>(step - 1) % node.parts.size()], step);
  }
  return text;
}

}  // namespace

std::vector<std::string> texts_by_step(std::string_view written, int steps, bool from_zero) {
  check_prompt_size(written);
  std::set<int> ends{steps};
  const auto nodes = ScheduleReader(steps, ends).read(written);
  std::vector<std::string> texts;
  for (int step = from_zero ? 0 : 1; static_cast<int>(texts.size()) < steps; ++step)
    texts.push_back(at_step(nodes, *ends.lower_bound(step)));
  return texts;
}

}  // namespace corepulse::text
