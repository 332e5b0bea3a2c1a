#include "control/recipe/shorthand_items.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "base/names.h"
#include "control/quote.h"
#include "control/recipe/fields.h"
#include "control/recipe/words.h"

namespace corepulse::control {
namespace {

template <class E>
E word_of(Scanner& scanner) {
  const auto names = strings(names_of<E>());
  const std::string word(scanner.peek_word());
  const auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end()) scanner.refuse("one of " + choices(word, names));
  scanner.take_word(word);
  return static_cast<E>(found - names.begin());
}

std::vector<int> whole_numbers(Scanner& scanner) {
  std::vector<int> all{scanner.whole_number()};
  while (scanner.at_number()) all.push_back(scanner.whole_number());
  return all;
}

// What a kind has, as the fields of its JSON say.
CommonFields common_of(const Effect& effect) {
  return std::visit([]<class E>(const E&) { return common_fields<E>(); }, effect);
}
bool anywhen(const Effect&) {
  return true;
}
bool has_sites(const Effect& effect) {
  return common_of(effect).sites;
}
bool has_region(const Effect& effect) {
  return common_of(effect).region;
}
bool has_mode(const Effect& effect) {
  return common_of(effect).mode;
}
bool has_gains(const Effect& effect) {
  return std::holds_alternative<Inject>(effect);
}
bool has_strength(const Effect& effect) {  // that of smooth stands before its " @ "
  return std::visit([]<class E>(const E& e) { return requires { e.strength; } && !std::is_same_v<E, Smooth>; }, effect);
}
bool has_attention(const Effect& effect) {
  return std::holds_alternative<Temperature>(effect);
}
bool has_how(const Effect& effect) {
  return std::holds_alternative<Share>(effect);
}
bool has_context(const Effect& effect) {
  return std::visit([](const auto& e) { return requires { e.context; }; }, effect);
}
bool has_name(const Effect& effect) {  // that of a recording stands before its " @ "
  const auto* capture = std::get_if<Capture>(&effect);
  return capture && capture->what == Capture::What::map;
}
bool has_phrase(const Effect& effect) {
  if (std::holds_alternative<Capture>(effect) && !has_name(effect)) return false;
  return std::visit([](const auto& e) { return requires { e.tokens; }; }, effect);
}

template <Window::Unit unit>
void take_window(Scanner& s, corepulse::Control& c) {
  const auto [start, end] = s.range();
  c.when = {unit, start, end};
}

void take_gain(Scanner& s, corepulse::Control& c) {
  const auto gain = s.curve();
  c.gains(gain, gain);
}

void take_name(Scanner& s, corepulse::Control& c) {
  auto& name = std::get<Capture>(c.effect).name;
  name = s.item();
  if (name.empty()) s.refuse("a name");
}

struct Item {
  const char* word;
  bool (*fits)(const Effect&);
  void (*take)(Scanner&, corepulse::Control&);
  const char* sets;  // two items that set the same exclude each other
};

using C = corepulse::Control;
constexpr Item kItems[] = {
    {"steps", anywhen, take_window<Window::Unit::steps>, "when"},
    {"progress", anywhen, take_window<Window::Unit::progress>, "when"},
    {"sigma", anywhen, take_window<Window::Unit::sigma>, "when"},
    {"percent", anywhen, take_window<Window::Unit::percent>, "when"},
    {"strength", has_strength, [](Scanner& s, C& c) { c.strength(s.curve()); }, "strength"},
    {"gain", has_gains, take_gain, "gain"},
    {"gain_k", has_gains, [](Scanner& s, C& c) { std::get<Inject>(c.effect).gain_k = s.curve(); }, "gain_k"},
    {"gain_v", has_gains, [](Scanner& s, C& c) { std::get<Inject>(c.effect).gain_v = s.curve(); }, "gain_v"},
    {"region", has_region, [](Scanner& s, C& c) { c.region = s.region(); }, "region"},
    {"rows", has_sites, [](Scanner& s, C& c) { c.rows = word_of<Rows>(s); }, "rows"},
    {"mode", has_mode, [](Scanner& s, C& c) { c.mode = word_of<Mode>(s); }, "mode"},
    {"images", has_sites, [](Scanner& s, C& c) { c.images = whole_numbers(s); }, "images"},
    {"heads", has_sites, [](Scanner& s, C& c) { c.heads = whole_numbers(s); }, "heads"},
    {"attention", has_attention,
     [](Scanner& s, C& c) { std::get<Temperature>(c.effect).attention = word_of<AttentionKind>(s); }, "attention"},
    {"how", has_how, [](Scanner& s, C& c) { std::get<Share>(c.effect).how = word_of<Share::How>(s); }, "how"},
    {"context", has_context, [](Scanner& s, C& c) { c.context(word_of<TokenContext>(s)); }, "context"},
    {"occurrence", has_phrase, [](Scanner& s, C& c) { c.occurrence(s.whole_number()); }, "occurrence"},
    {"name", has_name, take_name, "name"}};

std::vector<std::string> words_for(const Effect& effect) {
  std::vector<std::string> words;
  for (const auto& item : kItems)
    if (item.fits(effect)) words.emplace_back(item.word);
  return words;
}

// A selector has no spaces.
void take_selector(Scanner& s, corepulse::Control& c) {
  const auto word = s.peek_word();
  const bool sites = has_sites(c.effect);
  if (word.empty()) s.refuse(sites ? "a layer such as middle:0, or an item such as sigma 15..0" : "an item");
  Scanner ahead = s;
  if (!sites || ahead.item().size() != word.size())
    s.refuse(fmt::format("an item of {}; {}", kind_name(c.effect), choices(word, words_for(c.effect))));
  c.where += (c.where.empty() ? "" : ", ") + s.item();
}

void take_item(Scanner& s, corepulse::Control& c, std::set<std::string_view>& given) {
  for (const auto& item : kItems) {
    Scanner ahead = s;
    if (!item.fits(c.effect) || !ahead.take_word(item.word)) continue;
    if (!given.insert(item.sets).second) s.refuse(fmt::format("one item for \"{}\", not two", item.sets));
    s = ahead;
    return item.take(s, c);
  }
  take_selector(s, c);
}

}  // namespace

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
  const auto is_word = [=](const Item& item) { return word == item.word; };
  if (std::any_of(std::begin(kItems), std::end(kItems), is_word)) return !scanner.done();
  if (!scanner.done() && !scanner.take(",")) return false;
  for (const char* group : {"all", "composition", "content", "style", "coarse", "mid", "fine"})
    if (word == group) return true;
  for (const char* start : {"input:", "middle:", "output:", "ldm:", "grid:", "down_blocks.", "mid_block", "up_blocks."})
    if (word.starts_with(start)) return true;
  return false;
}

}  // namespace corepulse::control
