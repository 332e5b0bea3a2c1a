#include "corepulse/shorthand.h"

#include "control/scanner.h"
#include "control/shorthand_items.h"

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

corepulse::Control with_items(corepulse::Control control, std::string_view form, std::string_view text, size_t items) {
  Scanner scanner(form, text, items);
  if (!scanner.done()) take_items(scanner, control);
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

Control parse_region_prompt(std::string_view text) {
  const auto [subject, items] = split(text);
  control::Scanner scanner("region", text, items);
  if (scanner.done()) scanner.refuse("PROMPT @ REGION, e.g. a red car @ left half");
  auto made = regions({{trim(subject), scanner.region()}});
  if (scanner.take(","))
    control::take_items(scanner, made);
  else if (!scanner.done())
    scanner.refuse("feather, blur, px, or + - * and another region, or a comma and an item such as sigma 15..0");
  return made;
}

Curve parse_curve(std::string_view text) {
  control::Scanner scanner("curve", text);
  auto curve = scanner.curve();
  if (!scanner.done()) scanner.refuse("nothing more");
  return curve;
}

}  // namespace corepulse
