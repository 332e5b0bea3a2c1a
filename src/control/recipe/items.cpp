#include "control/recipe/items.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "control/quote.h"

namespace corepulse::control {
namespace {

using C = corepulse::Control;

std::vector<int> whole_numbers(Scanner& scanner) {
  std::vector<int> all{scanner.whole_number()};
  while (scanner.at_number()) all.push_back(scanner.whole_number());
  return all;
}

template <Window::Unit unit>
void take_window(Scanner& s, C& c) {
  const auto [start, end] = s.range();
  c.when = {unit, start, end};
}

// What a kind has, as the fields of its JSON say.
bool has_where(const Effect& effect) {
  return kind_of(effect).common.where;
}
bool has_rows(const Effect& effect) {
  return kind_of(effect).common.rows;
}
bool has_images(const Effect& effect) {
  return kind_of(effect).common.images;
}
bool has_heads(const Effect& effect) {
  return kind_of(effect).common.heads;
}
bool has_region(const Effect& effect) {
  return kind_of(effect).common.region;
}
bool has_mode(const Effect& effect) {
  return kind_of(effect).common.mode;
}

constexpr Item kWindows[] = {{"steps", take_window<Window::Unit::steps>, "when"},
                             {"progress", take_window<Window::Unit::progress>, "when"},
                             {"sigma", take_window<Window::Unit::sigma>, "when"},
                             {"percent", take_window<Window::Unit::percent>, "when"}};
constexpr Item kCommon[] = {{"region", [](Scanner& s, C& c) { c.region = s.region(); }, "region", has_region},
                            {"rows", [](Scanner& s, C& c) { c.rows = word_of<Rows>(s); }, "rows", has_rows},
                            {"mode", [](Scanner& s, C& c) { c.mode = word_of<Mode>(s); }, "mode", has_mode},
                            {"images", [](Scanner& s, C& c) { c.images = whole_numbers(s); }, "images", has_images},
                            {"heads", [](Scanner& s, C& c) { c.heads = whole_numbers(s); }, "heads", has_heads}};

/** Of a control, in the order of messages. */
std::vector<Item> items_for(const Effect& effect) {
  const auto& kind = kind_of(effect);
  std::vector<Item> items;
  for (const std::span<const Item> list :
       {std::span<const Item>(kWindows), kind.number_items, std::span<const Item>(kCommon), kind.word_items})
    for (const auto& item : list)
      if (!item.fits || item.fits(effect)) items.push_back(item);
  return items;
}

bool is_item(std::string_view word) {
  const auto among = [=](std::span<const Item> items) {
    return std::any_of(items.begin(), items.end(), [=](const Item& item) { return word == item.word; });
  };
  return among(kWindows) || among(kCommon) || std::any_of(kinds().begin(), kinds().end(), [&](const Kind* kind) {
           return among(kind->number_items) || among(kind->word_items);
         });
}

std::vector<std::string> words_for(const Effect& effect) {
  std::vector<std::string> words;
  for (const auto& item : items_for(effect)) words.emplace_back(item.word);
  return words;
}

// A selector has no spaces.
void take_selector(Scanner& s, corepulse::Control& c) {
  const auto word = s.peek_word();
  const bool where = has_where(c.effect);
  if (word.empty()) s.refuse(where ? "a layer such as middle:0, or an item such as sigma 15..0" : "an item");
  Scanner ahead = s;
  if (!where || ahead.item().size() != word.size())
    s.refuse(fmt::format("an item of {}; {}", kind_name(c.effect), choices(word, words_for(c.effect))));
  c.where += (c.where.empty() ? "" : ", ") + s.item();
}

void take_item(Scanner& s, corepulse::Control& c, std::set<std::string_view>& given) {
  for (const auto& item : items_for(c.effect)) {
    Scanner ahead = s;
    if (!ahead.take_word(item.word)) continue;
    if (!given.insert(item.sets).second) s.refuse(fmt::format("one item for \"{}\", not two", item.sets));
    s = ahead;
    return item.take(s, c);
  }
  take_selector(s, c);
}

}  // namespace

void take_strength(Scanner& s, C& c) {
  c = c.strength(s.curve());
}
void take_context(Scanner& s, C& c) {
  c = c.context(word_of<TokenContext>(s));
}
void take_occurrence(Scanner& s, C& c) {
  c = c.occurrence(s.whole_number());
}

void take_items(Scanner& scanner, corepulse::Control& control) {
  std::set<std::string_view> given;
  do take_item(scanner, control, given);
  while (scanner.take(","));
  if (!scanner.done()) scanner.refuse("a comma and the next item");
}

bool begins_as_items(std::string_view text) {
  Scanner scanner("", text);
  const auto word = scanner.peek_word();
  scanner.take_word(word);
  if (is_item(word)) return !scanner.done();
  if (!scanner.done() && !scanner.take(",")) return false;
  for (const char* group : {"all", "composition", "content", "style", "coarse", "mid", "fine"})
    if (word == group) return true;
  for (const char* start :
       {"input:", "middle:", "output:", "ldm:", "grid:", "instantstyle:", "down_blocks.", "mid_block", "up_blocks."})
    if (word.starts_with(start)) return true;
  return false;
}

}  // namespace corepulse::control
