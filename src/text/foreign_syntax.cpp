#include "text/foreign_syntax.h"

#include <algorithm>

#include "base/ascii.h"

namespace corepulse::text {
namespace {

constexpr size_t kMostShown = 60;  // bytes of an example

/** Whether an escape, as A1111 has it, makes the bracket at `at` one of the text. */
bool escaped(std::string_view text, size_t at) {
  return at > 0 && text[at - 1] == '\\';
}

/** "1.2", "-0.5", ".8". */
bool is_number(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  const auto digits = std::count_if(text.begin(), text.end(), is_digit),
             dots = std::count(text.begin(), text.end(), '.');
  return digits > 0 && dots <= 1 && digits + dots == static_cast<std::ptrdiff_t>(text.size());
}

/** Behind the last colon of the brackets' content; a ratio or a time such as 16:9 is no weight. */
bool ends_in_weight(std::string_view inside) {
  const auto colon = inside.rfind(':');
  if (colon == inside.npos) return false;
  const auto before = trim(inside.substr(0, colon)), number = trim(inside.substr(colon + 1));
  const bool ratio = !before.empty() && is_digit(before.back()) && number.find('.') == number.npos;
  return is_number(number) && !ratio;
}

/** The first pair of brackets without others inside whose content fits; with its brackets, or "". */
template <class Fits>
std::string_view bracketed(std::string_view text, char open, char close, Fits fits) {
  size_t begin = text.npos;
  for (size_t i = 0; i < text.size(); ++i) {
    if (escaped(text, i)) continue;
    if (text[i] == open) begin = i;
    if (text[i] != close || begin == text.npos) continue;
    if (fits(text.substr(begin + 1, i - begin - 1))) return text.substr(begin, i + 1 - begin);
    begin = text.npos;
  }
  return {};
}

bool has_bar(std::string_view inside) {
  return inside.find('|') != inside.npos;
}

/** "((cat))": two brackets with nothing between them, on both sides. */
std::string_view doubled(std::string_view text, std::string_view open, std::string_view close) {
  const auto begin = text.find(open);
  if (begin == text.npos || escaped(text, begin)) return {};
  const auto end = text.find(close, begin);
  return end == text.npos || end == begin + 2 ? std::string_view() : text.substr(begin, end + 2 - begin);
}

/** compel: "cat++", "(a cat)--", with nothing but a space or a comma behind. The language C++ is none. */
std::string_view plus_run(std::string_view text) {
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    const char sign = text[i];
    if ((sign != '+' && sign != '-') || text[i + 1] != sign) continue;
    size_t end = i, begin = i;
    while (end < text.size() && text[end] == sign) ++end;
    const bool closes = end == text.size() || is_space(text[end]) || text[end] == ',' || text[end] == ')';
    if (text[i - 1] == ')')
      begin = text.rfind('(', i);
    else
      while (begin > 0 && is_letter(text[begin - 1])) --begin;
    const bool language = i - begin == 1 && (text[begin] == 'c' || text[begin] == 'C');
    if (closes && begin < i && !language) return text.substr(begin, end - begin);
    i = end;
  }
  return {};
}

std::string_view compel_call(std::string_view text) {
  for (const std::string_view call : {").and(", ").blend(", ".swap("})
    if (const auto at = text.find(call); at != text.npos)
      return text.substr(at + (call[0] == ')'), call.size() - (call[0] == ')'));
  return {};
}

/** A word in capitals among others in small letters. */
std::string_view capital_word(std::string_view text, std::string_view word, bool spaces) {
  if (std::none_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; })) return {};
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const auto ends = [&](bool edge, char c) {
      return edge ? !spaces : spaces ? is_space(c) : !is_letter(c) && !is_digit(c);
    };
    if (ends(at == 0, at ? text[at - 1] : ' ') && ends(end == text.size(), end < text.size() ? text[end] : ' '))
      return text.substr(at, word.size());
  }
  return {};
}

std::string_view network(std::string_view text, std::string_view word) {
  return bracketed(text, '<', '>', [word](std::string_view inside) {
    return inside.size() > word.size() && inside.starts_with(word) && inside[word.size()] == ':';
  });
}

std::string_view embedding(std::string_view text) {
  constexpr std::string_view kWord = "embedding:";
  for (auto at = text.find(kWord); at != text.npos; at = text.find(kWord, at + 1)) {
    size_t end = at + kWord.size();
    while (end < text.size() && !is_space(text[end]) && text[end] != ',' && text[end] != ')') ++end;
    if (end > at + kWord.size() && (at == 0 || !is_letter(text[at - 1]))) return text.substr(at, end - at);
  }
  return {};
}

std::string_view wildcard(std::string_view text) {
  const auto begin = text.find("__");
  if (begin == text.npos) return {};
  const auto end = text.find("__", begin + 2);
  if (end == text.npos || end == begin + 2) return {};
  const auto inside = text.substr(begin + 2, end - begin - 2);
  return std::any_of(inside.begin(), inside.end(), is_space) ? std::string_view() : text.substr(begin, end + 2 - begin);
}

std::pair<std::string_view, std::vector<PromptSyntax>> weight(std::string_view text) {
  using enum PromptSyntax;
  if (const auto seen = bracketed(text, '(', ')', ends_in_weight); !seen.empty()) return {seen, {a1111, comfy}};
  if (const auto seen = doubled(text, "((", "))"); !seen.empty()) return {seen, {a1111, comfy}};
  if (const auto seen = doubled(text, "[[", "]]"); !seen.empty()) return {seen, {a1111}};
  return {plus_run(text), {compel}};
}

std::string cut(std::string_view seen) {
  if (seen.size() <= kMostShown) return std::string(seen);
  size_t end = kMostShown;
  while ((static_cast<unsigned char>(seen[end]) & 0xc0) == 0x80) --end;  // not inside a character
  return std::string(seen.substr(0, end)) + "...";
}

}  // namespace

std::vector<ForeignSyntax> foreign_syntax(std::string_view prompt) {
  std::vector<ForeignSyntax> all;
  using enum PromptSyntax;
  const auto add = [&](std::string_view seen, const char* meaning, const char* instead,
                       std::vector<PromptSyntax> read_by = {}) {
    if (!seen.empty()) all.push_back({cut(seen), meaning, instead, std::move(read_by)});
  };
  const auto [weighed, weighing] = weight(prompt);
  add(weighed, "a weight", "reweight", weighing);
  add(bracketed(prompt, '[', ']', ends_in_weight), "prompt editing", "replace_tokens with \"when\"", {a1111});
  add(bracketed(prompt, '[', ']', has_bar), "words by turns", "", {a1111});
  add(capital_word(prompt, "BREAK", false), "the end of a chunk", "", {a1111});
  add(capital_word(prompt, "AND", true), "several prompts at once", "inject", {a1111});
  add(compel_call(prompt), "several prompts at once", "inject");
  add(network(prompt, "hypernet"), "a file of added weights", "");
  for (const auto* word : {"lora", "lyco", "locon"})
    add(network(prompt, word), "a file of added weights", "lora", {a1111});
  add(embedding(prompt), "a file of an added word", "");
  add(bracketed(prompt, '{', '}', has_bar), "a choice at random", "", {a1111, comfy});
  add(wildcard(prompt), "a choice at random", "");
  return all;
}

}  // namespace corepulse::text
