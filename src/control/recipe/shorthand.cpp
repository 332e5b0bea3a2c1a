#include "corepulse/shorthand.h"

#include "control/recipe/scanner.h"
#include "control/recipe/shorthand_items.h"
#include "control/texts/word_chars.h"

namespace corepulse {
namespace control {
namespace {

constexpr std::string_view kAt = " @ ";

std::string trimmed(std::string_view text) {
  return std::string(trim(text));
}

// What stands before the last " @ ", and where the items begin.
struct Split {
  std::string_view subject;
  size_t items;
};

// "a dragon@output:0" would be drawn as words.
void refuse_glued(std::string_view form, std::string_view text) {
  const auto at = text.rfind('@');
  if (at != text.npos && begins_as_items(text.substr(at + 1)))
    Scanner(form, text, at)
        .refuse(
            "spaces around the @, as in a dragon @ output:0 (if it belongs to the words: @ all "
            "behind them)");
}

Split split(std::string_view form, std::string_view text, const char* expected) {
  const auto at = text.rfind(kAt);
  if (at == text.npos) refuse_glued(form, text);
  const Split parts = at == text.npos ? Split{text, text.size()} : Split{text.substr(0, at), at + kAt.size()};
  if (trimmed(parts.subject).empty()) Scanner(form, text).refuse(expected);
  return parts;
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
  if (at == subject.npos || trimmed(subject.substr(0, at)).empty())
    Scanner(form, text, subject.size()).refuse(expected);
  return trimmed(subject.substr(0, at));
}

Curve curve_at(std::string_view form, std::string_view subject, size_t begin = 0) {
  Scanner scanner(form, subject, begin);
  auto curve = scanner.curve();
  if (!scanner.done()) scanner.refuse("nothing more");
  return curve;
}

Curve curve_behind(std::string_view form, std::string_view subject, std::string_view sign) {
  return curve_at(form, subject, subject.rfind(sign) + sign.size());
}

constexpr const char* kPrompt = "a prompt (an empty one is written in a recipe)";
constexpr const char* kPhrase = "a phrase of the prompt";
constexpr const char* kNumber = "a number, or points such as 0:0 0.5:1";

bool is_index(const std::string& text) {
  return text.size() < 10 && text.find_first_not_of("0123456789") == text.npos;
}

}  // namespace
}  // namespace control

using control::split;
using control::trimmed;
using control::with_items;

Control parse_inject(std::string_view text) {
  const auto [subject, items] = split("inject", text, control::kPrompt);
  return with_items(inject(trimmed(subject)), "inject", text, items);
}

Control parse_reweight(std::string_view text) {
  const auto [subject, items] = split("reweight", text, "PHRASE=SCALE");
  const auto phrase = control::phrase_before("reweight", text, subject, "=", "PHRASE=SCALE");
  return with_items(reweight(phrase, control::curve_behind("reweight", subject, "=")), "reweight", text, items);
}

Control parse_mask(std::string_view text) {
  const auto [subject, items] = split("mask", text, control::kPhrase);
  return with_items(mask_tokens(trimmed(subject)), "mask", text, items);
}

Control parse_replace(std::string_view text) {
  const auto [subject, items] = split("replace", text, "PHRASE=>WORDS");
  const auto phrase = control::phrase_before("replace", text, subject, "=>", "PHRASE=>WORDS");
  return with_items(replace_tokens(phrase, trimmed(subject.substr(subject.rfind("=>") + 2))), "replace", text, items);
}

Control parse_value_gain(std::string_view text) {
  const auto [subject, items] = split("value-gain", text, "PHRASE=GAIN");
  const auto phrase = control::phrase_before("value-gain", text, subject, "=", "PHRASE=GAIN");
  return with_items(value_gain(phrase, control::curve_behind("value-gain", subject, "=")), "value-gain", text, items);
}

Control parse_region_prompt(std::string_view text) {
  constexpr const char* kForm = "PROMPT @ REGION, e.g. a red car @ left half";
  const auto [subject, items] = split("region", text, kForm);
  control::Scanner scanner("region", text, items);
  if (scanner.done()) scanner.refuse(kForm);
  auto made = regions({{trimmed(subject), scanner.region()}});
  if (scanner.take(","))
    control::take_items(scanner, made);
  else if (!scanner.done())
    scanner.refuse("feather, blur, px, or + - * and another region, or a comma and an item such as sigma 15..0");
  return made;
}

Control parse_attend(std::string_view text) {
  constexpr const char* kForm = "REGION=SCALE, e.g. right half=0";
  const auto [subject, items] = split("attend", text, kForm);
  const auto sign = subject.rfind('=');
  if (sign == subject.npos) control::Scanner("attend", text, subject.size()).refuse(kForm);
  control::Scanner scanner("attend", subject.substr(0, sign));
  auto target = scanner.region();
  if (!scanner.done()) scanner.refuse("feather, blur, px, or + - * and another region, or = and a number");
  return with_items(attend(std::move(target), control::curve_behind("attend", subject, "=")), "attend", text, items);
}

Control parse_temperature(std::string_view text) {
  const auto [subject, items] = split("temperature", text, control::kNumber);
  return with_items(temperature(control::curve_at("temperature", subject)), "temperature", text, items);
}

Control parse_smooth(std::string_view text) {
  const auto [subject, items] = split("smooth", text, control::kNumber);
  return with_items(smooth(control::curve_at("smooth", subject)), "smooth", text, items);
}

Control parse_share(std::string_view text) {
  const auto [subject, items] = split("share", text, "the number of an image of the batch, or the file of a recording");
  const auto source = trimmed(subject);
  return with_items(
      control::is_index(source) ? share_image(std::stoi(source)) : share_recording(source, Share::How::with), "share",
      text, items);
}

Control parse_guidance(std::string_view text) {
  const auto [subject, items] = split("guidance-curve", text, control::kNumber);
  return with_items(guidance(control::curve_at("guidance-curve", subject)), "guidance-curve", text, items);
}

Control parse_capture(std::string_view text) {
  const auto [subject, items] = split("heatmap", text, control::kPhrase);
  return with_items(capture(trimmed(subject)), "heatmap", text, items);
}

Control parse_record(std::string_view text) {
  const auto [subject, items] = split("record", text, "a name");
  return with_items(record(trimmed(subject)), "record", text, items);
}

Curve parse_curve(std::string_view text) {
  return control::curve_at("curve", text);
}

}  // namespace corepulse
