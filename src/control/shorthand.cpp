#include "corepulse/shorthand.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/names.h"
#include "control/field_names.h"
#include "control/quote.h"
#include "control/scanner.h"

namespace corepulse {
namespace control {
namespace {

constexpr std::string_view kAt = " @ ";

std::string trim(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\n\r"), to = text.find_last_not_of(" \t\n\r");
  return from == text.npos ? "" : std::string(text.substr(from, to - from + 1));
}

// What stands before the last " @ ", and where the items begin.
struct Split {
  std::string_view subject;
  size_t items;
};

Split split(std::string_view text) {
  const auto at = text.rfind(kAt);
  if (at == text.npos) return {text, text.size()};
  return {text.substr(0, at), at + kAt.size()};
}

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

Window window(Scanner& scanner, Window::Unit unit) {
  const auto [start, end] = scanner.range();
  return {unit, start, end};
}

const std::vector<std::string>& item_words() {
  static const std::vector<std::string> words{"steps", "progress", "sigma",  "percent", "strength",
                                              "gain",  "gain_k",   "gain_v", "region",  "rows",
                                              "mode",  "images",   "heads",  "context", "occurrence"};
  return words;
}

// One item behind the "@".
void take_item(Scanner& s, corepulse::Control& c) {
  auto* injection = std::get_if<Inject>(&c.effect);
  if (s.take_word("steps")) return void(c.when = window(s, Window::Unit::steps));
  if (s.take_word("progress")) return void(c.when = window(s, Window::Unit::progress));
  if (s.take_word("sigma")) return void(c.when = window(s, Window::Unit::sigma));
  if (s.take_word("percent")) return void(c.when = window(s, Window::Unit::percent));
  if (s.take_word("strength")) return void(c.strength(s.curve()));
  if (injection && s.take_word("gain")) return void(injection->gain_k = injection->gain_v = s.curve());
  if (injection && s.take_word("gain_k")) return void(injection->gain_k = s.curve());
  if (injection && s.take_word("gain_v")) return void(injection->gain_v = s.curve());
  if (s.take_word("region")) return void(c.region = s.region());
  if (s.take_word("rows")) return void(c.rows = word_of<Rows>(s));
  if (s.take_word("mode")) return void(c.mode = word_of<Mode>(s));
  if (s.take_word("context")) return void(c.context(word_of<TokenContext>(s)));
  if (s.take_word("images")) return void(c.images = whole_numbers(s));
  if (s.take_word("heads")) return void(c.heads = whole_numbers(s));
  if (s.take_word("occurrence")) return void(c.occurrence(s.whole_number()));
  // All else is a selector, which has no spaces.
  const auto word = s.peek_word();
  if (word.empty()) s.refuse("a layer such as middle:0, or an item such as sigma 15..0");
  Scanner ahead = s;
  const auto item = ahead.item();
  if (item.size() != word.size()) s.refuse("an item; " + choices(word, item_words()));
  c.where += (c.where.empty() ? "" : ", ") + s.item();
}

corepulse::Control with_items(corepulse::Control control, std::string_view form, std::string_view text, size_t items) {
  Scanner scanner(form, text, items);
  while (!scanner.done()) {
    take_item(scanner, control);
    if (!scanner.done() && !scanner.take(",")) scanner.refuse("a comma and the next item");
  }
  return control;
}

// "PHRASE=0.3": the part before the last sign, and a scanner behind it.
std::string phrase_before(std::string_view form, std::string_view text, std::string_view subject, std::string_view sign,
                          const char* expected) {
  const auto at = subject.rfind(sign);
  if (at == subject.npos || trim(subject.substr(0, at)).empty()) Scanner(form, text, subject.size()).refuse(expected);
  return trim(subject.substr(0, at));
}

Curve curve_behind(std::string_view form, std::string_view subject, std::string_view sign) {
  Scanner scanner(form, subject, subject.rfind(sign) + sign.size());
  auto curve = scanner.curve();
  if (!scanner.done()) scanner.refuse("nothing more");
  return curve;
}

}  // namespace
}  // namespace control

using control::split;
using control::trim;
using control::with_items;

Control parse_inject(std::string_view text) {
  const auto [subject, items] = split(text);
  return with_items(inject(trim(subject)), "inject", text, items);
}

Control parse_reweight(std::string_view text) {
  const auto [subject, items] = split(text);
  const auto phrase = control::phrase_before("reweight", text, subject, "=", "PHRASE=SCALE");
  return with_items(reweight(phrase, control::curve_behind("reweight", subject, "=")), "reweight", text, items);
}

Control parse_mask(std::string_view text) {
  const auto [subject, items] = split(text);
  return with_items(mask_tokens(trim(subject)), "mask", text, items);
}

Control parse_replace(std::string_view text) {
  const auto [subject, items] = split(text);
  const auto phrase = control::phrase_before("replace", text, subject, "=>", "PHRASE=>WORDS");
  return with_items(replace_tokens(phrase, trim(subject.substr(subject.rfind("=>") + 2))), "replace", text, items);
}

Control parse_value_gain(std::string_view text) {
  const auto [subject, items] = split(text);
  const auto phrase = control::phrase_before("value-gain", text, subject, "=", "PHRASE=GAIN");
  return with_items(value_gain(phrase, control::curve_behind("value-gain", subject, "=")), "value-gain", text, items);
}

Control parse_temperature(std::string_view text) {
  const auto [subject, items] = split(text);
  return with_items(temperature(parse_curve(subject)), "temperature", text, items);
}

Control parse_capture(std::string_view text) {
  const auto [subject, items] = split(text);
  return with_items(capture(trim(subject)), "heatmap", text, items);
}

Control parse_record(std::string_view text) {
  const auto [subject, items] = split(text);
  return with_items(record(trim(subject)), "record", text, items);
}

RegionPrompt parse_region_prompt(std::string_view text) {
  const auto [subject, items] = split(text);
  control::Scanner scanner("region", text, items);
  if (scanner.done()) scanner.refuse("PROMPT @ REGION, e.g. a red car @ left half");
  auto region = scanner.region();
  if (!scanner.done()) scanner.refuse("feather, blur, px, or + - * and another region");
  return {trim(subject), std::move(region)};
}

Curve parse_curve(std::string_view text) {
  control::Scanner scanner("curve", text);
  auto curve = scanner.curve();
  if (!scanner.done()) scanner.refuse("nothing more");
  return curve;
}

}  // namespace corepulse
