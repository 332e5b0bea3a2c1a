// compel's weights. What its grammar (compel 2.5.1, prompt_parser.py) does not take as syntax is text.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <optional>

#include "base/ascii.h"
#include "base/number.h"
#include "text/prompt/stretches.h"
#include "text/prompt/syntaxes.h"

namespace corepulse::text {
namespace {

constexpr double kPlusMore = 1.1, kMinusLess = 0.9;
constexpr std::string_view kCompelSyntax = "()\",.+-=";

struct Fragment {
  std::string text;
  double weight = 1;
};

/** What was read, and the byte behind it. */
struct Read {
  std::vector<Fragment> fragments;
  size_t end = 0;
};
using Maybe = std::optional<Read>;

bool is_syntax(char c) {
  return kCompelSyntax.find(c) != kCompelSyntax.npos;
}

/** A space behind each comma. */
std::string spaced(std::string_view written) {
  std::string text;
  for (size_t i = 0; i < written.size(); ++i) {
    text += written[i];
    if (written[i] != ',' || i + 1 == written.size() || is_space(written[i + 1])) continue;
    text += ' ';
    text += written[++i];
  }
  return text;
}

/** As text: brackets and quotes lose their backslash, other characters keep it. */
std::string unescaped(std::string_view word) {
  std::string text;
  for (size_t i = 0; i < word.size(); ++i) {
    const bool escape = word[i] == '\\' && i + 1 < word.size() && std::string_view("()\"").find(word[i + 1]) < 3;
    if (!escape) text += word[i];
  }
  return text;
}

/** "1, 1.0": a list of weights that change nothing. */
bool all_are_one(std::string_view list) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    double weight = 0;
    if (!parse_weight(list.substr(0, comma), weight) || weight != 1) return false;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return true;
}

Read weighed(Read read, double weight, size_t end) {
  for (auto& fragment : read.fragments) fragment.weight *= weight;
  read.end = end;
  return read;
}

class CompelReader {
 public:
  explicit CompelReader(std::string_view text) : text_(text) {}

  /** The prompts of `("...", "...").and()`; none if it is no such list. */
  std::vector<std::vector<Fragment>> conjunction() {
    std::vector<std::vector<Fragment>> prompts;
    size_t at = skip(0);
    if (at == text_.size() || text_[at] != '(') return {};
    do {
      at = skip(at + 1);
      auto prompt = at < text_.size() ? listed(at) : Maybe();
      if (!prompt) return {};
      prompts.push_back(std::move(prompt->fragments));
      at = skip(prompt->end);
    } while (at < text_.size() && text_[at] == ',');
    if (at == text_.size() || text_[at] != ')') return {};
    at = skip(at + 1);
    if (!starts(at, ".and") && !starts(at, ".add")) return {};
    at = skip(at + 4);
    if (at == text_.size() || text_[at] != '(') return {};
    const auto weights = trim(text_.substr(at + 1, text_.find(')', at) - at - 1));
    if (!all_are_one(weights))
      refuse_prompt(fmt::format(".and({}) of compel with other weights than 1; expected .and()", weights));
    return prompts;
  }

  std::vector<Fragment> operator()() {
    std::vector<Fragment> all;
    for (size_t at = skip(0); at < text_.size(); at = skip(at)) {
      auto read = term(at, 0);
      if (!read) read = free_word(at);
      all.insert(all.end(), read->fragments.begin(), read->fragments.end());
      at = read->end;
    }
    return all;
  }

 private:
  size_t skip(size_t at) const {
    while (at < text_.size() && is_space(text_[at])) ++at;
    return at;
  }
  bool starts(size_t at, std::string_view with) const { return text_.substr(at).starts_with(with); }

  /** One of a list of prompts. */
  Maybe listed(size_t at) {
    if (text_[at] == '(') return bracket(at, 0);
    if (text_[at] != '"') return word(at);
    if (auto fragment = quotation(at, 0)) return fragment;
    // What is no fragment may be a whole prompt.
    const size_t end = closing_quote(at);
    if (end == 0) return {};
    return Read{CompelReader(text_.substr(at + 1, end - at - 1))(), end + 1};
  }

  /** A bracket, a quotation or a word, with its weight: nothing where a word has none. */
  Maybe term(size_t at, int depth) {
    refuse_networks(at);
    const bool word_only = text_[at] != '(' && text_[at] != '"';
    auto target = text_[at] == '(' ? bracket(at, depth) : text_[at] == '"' ? quotation(at, depth) : word(at);
    if (!target) return {};
    if (starts(skip(target->end), ".swap"))
      refuse_prompt(".swap() of compel; expected replace_tokens, a control that does it in a window of steps");
    const size_t end = target->end;
    double weight = 1;
    if (const size_t behind = attend(end, weight)) return weighed(std::move(*target), weight, behind);
    if (const size_t behind = sign_run(end, weight)) return weighed(std::move(*target), weight, behind);
    if (word_only) return {};
    if (const size_t behind = number(end, weight)) return weighed(std::move(*target), weight, behind);
    return target;
  }

  /** ".attend(1.2)", ".attend(++)". */
  size_t attend(size_t at, double& weight) const {
    constexpr std::string_view kCall = ".attend";
    at = skip(at);
    if (!starts(at, kCall)) return 0;
    at = skip(at + kCall.size());
    if (at == text_.size() || text_[at] != '(') return 0;
    at = skip(at + 1);
    size_t end = sign_run(at, weight);
    if (!end) end = number(at, weight);
    if (!end) return 0;
    end = skip(end);
    return end < text_.size() && text_[end] == ')' ? end + 1 : 0;
  }

  /** "++" or "--": 1.1 or 0.9 to the power of their number. */
  size_t sign_run(size_t at, double& weight) const {
    if (at == text_.size() || (text_[at] != '+' && text_[at] != '-')) return 0;
    size_t end = at;
    while (end < text_.size() && text_[end] == text_[at]) ++end;
    weight = std::pow(text_[at] == '+' ? kPlusMore : kMinusLess, static_cast<double>(end - at));
    return end;
  }

  size_t number(size_t at, double& weight) const {
    size_t end = at + (at < text_.size() && (text_[at] == '-' || text_[at] == '+'));
    while (end < text_.size() && is_digit(text_[end])) ++end;
    if (end < text_.size() && text_[end] == '.') {
      const size_t point = end++;
      while (end < text_.size() && is_digit(text_[end])) ++end;
      if (end == point + 1 && (point == 0 || !is_digit(text_[point - 1]))) return 0;
    }
    return end > at && parse_weight(text_.substr(at, end - at), weight) ? end : 0;
  }

  Maybe bracket(size_t at, int depth) {
    auto read = parts(at + 1, depth + 1);
    if (read.end == text_.size() || text_[read.end] != ')') return {};
    ++read.end;
    return read;
  }

  /** Fragments with commas and periods, as far as they go. */
  Read parts(size_t at, int depth) {
    if (depth > kDeepestBrackets)
      refuse_prompt(fmt::format("more than {} brackets inside one another", kDeepestBrackets));
    Read all;
    for (at = skip(at); at < text_.size(); at = skip(at)) {
      auto read = term(at, depth);
      if (!read && text_[at] != '(' && text_[at] != '"') read = word(at);
      if (!read && (text_[at] == ',' || text_[at] == '.')) read = Read{{{std::string(1, text_[at])}}, at + 1};
      if (!read) break;
      all.fragments.insert(all.fragments.end(), read->fragments.begin(), read->fragments.end());
      at = read->end;
    }
    all.end = at;
    return all;
  }

  /** "..." on one line, \" inside is a quote of the text. */
  Maybe quotation(size_t at, int depth) {
    const size_t end = closing_quote(at);
    if (end == 0) return {};
    const auto inside = text_.substr(at + 1, end - at - 1);
    if (trim(inside).empty()) return Read{{{""}}, end + 1};
    auto read = CompelReader(inside).parts(0, depth + 1);
    if (read.end != inside.size()) return {};
    read.end = end + 1;
    return read;
  }

  /** Of the quote at `at`; 0: there is none on its line. */
  size_t closing_quote(size_t at) const {
    size_t end = at + 1;
    while (end < text_.size() && text_[end] != '"' && text_[end] != '\n' && text_[end] != '\r')
      end += starts(end, "\\\"") ? 2 : 1;
    return end < text_.size() && text_[end] == '"' ? end : 0;
  }

  /** A run without syntax; escaped syntax is none, nor are signs inside it. */
  Maybe word(size_t at) const {
    size_t end = at;
    for (; end < text_.size(); ++end) {
      const char c = text_[end];
      if (c == '\\' && end + 1 < text_.size() && is_syntax(text_[end + 1])) {
        ++end;
        continue;
      }
      if (is_space(c)) break;
      if (!is_syntax(c)) continue;
      const bool last = end + 1 == text_.size() || is_space(text_[end + 1]) || is_syntax(text_[end + 1]);
      if ((c != '+' && c != '-') || last) break;
    }
    if (end == at) return {};
    return Read{{{unescaped(text_.substr(at, end - at))}}, end};
  }

  Read free_word(size_t at) const {
    size_t end = at;
    while (end < text_.size() && !is_space(text_[end])) ++end;
    return Read{{{unescaped(text_.substr(at, end - at))}}, end};
  }

  void refuse_networks(size_t at) const {
    if (starts(at, "withLora(") || starts(at, "useLora("))
      refuse_prompt("withLora() of compel, a file of added weights, cannot be read from a prompt; leave it out");
  }

  std::string_view text_;
};

void refuse_calls(std::string_view text) {
  if (!trim(text).starts_with('(')) return;
  for (const std::string_view call : {").and(", ").add(", ").blend("})
    if (text.find(call) != text.npos)
      refuse_prompt(fmt::format(
          "{}) of compel cannot be read here; expected one prompt, or prompts in quotes with .and()", call.substr(1)));
}

/** Neighbours of the same weight are one text. */
void add_fragments(const std::vector<Fragment>& fragments, Stretches& made) {
  std::string joined;
  for (size_t i = 0; i < fragments.size(); ++i) {
    joined += fragments[i].text;
    if (i + 1 < fragments.size() && fragments[i + 1].weight == fragments[i].weight) {
      joined += ' ';
      continue;
    }
    made.gap(' ');
    made.add(joined, fragments[i].weight, /*joins=*/false);
    joined.clear();
  }
}

}  // namespace

PromptText read_compel(std::string_view written) {
  const auto text = spaced(written);
  Stretches made;
  const auto prompts = CompelReader(text).conjunction();
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (i > 0) made.end_chunk();
    add_fragments(prompts[i], made);
  }
  if (prompts.empty()) {
    refuse_calls(text);
    add_fragments(CompelReader(text)(), made);
  }
  return std::move(made).take();
}

}  // namespace corepulse::text
