// The short form of a second pass.
#include <cmath>
#include <fmt/format.h>
#include <set>

#include "corepulse/shorthand.h"

#include "base/number.h"
#include "control/recipe/items.h"
#include "control/recipe/scanner.h"
#include "control/recipe/words.h"

namespace corepulse {
namespace control {
namespace {

constexpr double kMostPixels = 1e6;

struct PassItem {
  const char* word;
  void (*take)(Scanner&, SecondPass&);
};

void take_pass_sampler(Scanner& s, SecondPass& pass) {
  const auto name = parse_sampler(s.item());
  pass.sampler = name.sampler;
  if (name.schedule != ScheduleKind::model) pass.schedule = name.schedule;
}

void take_upscale(Scanner& s, SecondPass& pass) {
  // A1111's "Latent".
  pass.upscale = s.take_word("latent") ? Upscale::latent_bilinear : word_of<Upscale>(s);
}

constexpr PassItem kPassItems[] = {
    {"strength", [](Scanner& s, SecondPass& pass) { pass.strength = s.number(); }},
    {"steps", [](Scanner& s, SecondPass& pass) { pass.steps = s.whole_number(); }},
    {"exact_steps", [](Scanner&, SecondPass& pass) { pass.exact_steps = true; }},
    {"upscale", take_upscale},
    {"sampler", take_pass_sampler},
    {"schedule", [](Scanner& s, SecondPass& pass) { pass.schedule = parse_schedule(s.item()); }},
    {"guidance", [](Scanner& s, SecondPass& pass) { pass.guidance = s.number(); }},
    {"no_controls", [](Scanner&, SecondPass& pass) { pass.controls.emplace(); }}};

/** "2x", "512x768". */
bool take_size(Scanner& s, SecondPass& pass) {
  const auto word = s.peek_word();
  const auto first = leading_number(word);
  if (!first || first->length == word.size() || word[first->length] != 'x') return false;
  const auto rest = word.substr(first->length + 1);
  if (rest.empty()) {
    pass.scale = first->value;
  } else {
    const auto second = leading_number(rest);
    const auto whole = [](double n) { return n >= 0 && n <= kMostPixels && n == std::floor(n); };
    if (!second || second->length != rest.size() || !whole(first->value) || !whole(second->value))
      s.refuse("a scale or a size, as in 2x or 512x768");
    pass.width = static_cast<int>(first->value), pass.height = static_cast<int>(second->value);
  }
  return s.take_word(word);
}

void take_pass_item(Scanner& s, SecondPass& pass, std::set<std::string>& given) {
  const auto once = [&](const std::string& what) {
    if (!given.insert(what).second) s.refuse(fmt::format("one item for \"{}\", not two", what));
  };
  if (take_size(s, pass)) return once("size");
  std::vector<std::string> words{"2x", "512x768"};
  for (const auto& item : kPassItems) {
    words.emplace_back(item.word);
    if (!s.take_word(item.word)) continue;
    once(item.word);
    return item.take(s, pass);
  }
  s.refuse("an item of a second pass; " + choices(s.peek_word(), words));
}

}  // namespace
}  // namespace control

SecondPass parse_second_pass(std::string_view text) {
  control::Scanner scanner("second pass", text);
  SecondPass pass;
  std::set<std::string> given;
  do control::take_pass_item(scanner, pass, given);
  while (scanner.take(","));
  if (!scanner.done()) scanner.refuse("a comma and the next item");
  return pass;
}

}  // namespace corepulse
