#include "control/recipe/short_form.h"

#include "corepulse/shorthand.h"

#include "base/ascii.h"
#include "control/recipe/items.h"

namespace corepulse {
namespace control {
namespace {

constexpr std::string_view kAt = " @ ";

// "a dragon@output:0" would be drawn as words.
void refuse_glued(std::string_view form, std::string_view text) {
  const auto at = text.rfind('@');
  if (at != text.npos && begins_as_items(text.substr(at + 1)))
    Scanner(form, text, at)
        .refuse(
            "spaces around the @, as in a dragon @ output:0 (if it belongs to the words: @ all "
            "behind them)");
}

}  // namespace

std::string trimmed(std::string_view text) {
  return std::string(trim(text));
}

Split split(std::string_view form, std::string_view text, const char* expected) {
  const auto at = text.rfind(kAt);
  if (at == text.npos) refuse_glued(form, text);
  const Split parts = at == text.npos ? Split{text, text.size()} : Split{text.substr(0, at), at + kAt.size()};
  if (trim(parts.subject).empty()) Scanner(form, text).refuse(expected);
  return parts;
}

corepulse::Control with_items(corepulse::Control control, std::string_view form, std::string_view text, size_t items) {
  Scanner scanner(form, text, items);
  if (!scanner.done()) take_items(scanner, control);
  return control;
}

std::string phrase_before(std::string_view form, std::string_view text, std::string_view subject, std::string_view sign,
                          const char* expected) {
  const auto at = subject.rfind(sign);
  if (at == subject.npos || trim(subject.substr(0, at)).empty()) Scanner(form, text, subject.size()).refuse(expected);
  return trimmed(subject.substr(0, at));
}

Curve curve_at(std::string_view form, std::string_view subject, size_t begin) {
  Scanner scanner(form, subject, begin);
  auto curve = scanner.curve();
  if (!scanner.done()) scanner.refuse("nothing more");
  return curve;
}

Curve curve_behind(std::string_view form, std::string_view subject, std::string_view sign) {
  return curve_at(form, subject, subject.rfind(sign) + sign.size());
}

}  // namespace control

Curve parse_curve(std::string_view text) {
  return control::curve_at("curve", text);
}

}  // namespace corepulse
