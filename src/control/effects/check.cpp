#include "control/effects/check.h"

#include <cmath>
#include <fmt/format.h>

#include "control/quote.h"
#include "control/recipe/fields.h"
#include "control/recipe/words.h"

namespace corepulse::control {
namespace {

constexpr size_t kMostPoints = 10000;
constexpr double kLargest = std::numeric_limits<double>::max();

enum class Range { share, weight, positive, any };

bool within(double v, Range range) {
  switch (range) {
    case Range::share:
      return v >= 0 && v <= 1;
    case Range::weight:
      return v >= 0 && v <= kLargest;
    case Range::positive:
      return v > 0 && v <= kLargest;
    case Range::any:
      return std::isfinite(v);
  }
  return false;
}

constexpr const char* kRanges[] = {"0..1", "0 or more", "more than 0", "a finite number"};

void check_curve(const Curve& curve, Range range, const std::string& path) {
  if (curve.points.empty() || curve.points.size() > kMostPoints)
    refuse(path, fmt::format("{} points; expected 1..{}", curve.points.size(), kMostPoints));
  double last = -kLargest;
  for (const auto& [progress, value] : curve.points) {
    if (!std::isfinite(progress) || progress < last)
      refuse(path,
             fmt::format("progress {} after {}; expected points in order of progress", number(progress), number(last)));
    last = progress;
    if (!within(value, range))
      refuse(path, fmt::format("{}; expected {}", number(value), kRanges[static_cast<int>(range)]));
  }
}

void check_tokens(const Tokens& t, const std::string& path) {
  if (t.part != Tokens::Part::phrase) {
    if (!t.phrase.empty() || t.occurrence != 0)
      refuse(path, "both a phrase and a part of the tokens are given; expected one");
    return;
  }
  if (t.phrase.find_first_not_of(" \t\r\n") == t.phrase.npos)
    refuse(path + ".phrase",
           "no words; expected a phrase of the prompt, or tokens: \"all\", "
           "\"start\", \"words\", \"end\" or \"padding\"");
  if (t.occurrence < 0) refuse(path + ".occurrence", fmt::format("{}; expected 1, 2, ..., or 0 for all", t.occurrence));
}

void check_effect(const Inject& e, Mode mode, const std::string& path) {
  check_curve(e.gain_k, Range::any, path + ".gain_k");
  check_curve(e.gain_v, Range::any, path + ".gain_v");
  if (!std::isfinite(e.noise)) refuse(path + ".noise", "not finite; expected a number");
  if (e.noise != 0 && mode != Mode::comfy)
    refuse(path + ".noise", "noise belongs to mode comfy; add \"mode\": \"comfy\" or leave it out");
}
void check_effect(const Reweight& e, Mode mode, const std::string& path) {
  check_tokens(e.tokens, path);
  check_curve(e.scale, mode == Mode::corepulse ? Range::any : Range::weight, path + ".scale");
}
void check_effect(const MaskTokens& e, Mode, const std::string& path) {
  check_tokens(e.tokens, path);
  if (e.context == TokenContext::replace) refuse(path + ".context", "\"replace\"; expected \"keep\" or \"reencode\"");
  if (e.context == TokenContext::reencode && e.tokens.part != Tokens::Part::phrase)
    refuse(path + ".context", "\"reencode\" needs a phrase to leave out");
}
void check_effect(const ReplaceTokens& e, Mode, const std::string& path) {
  check_tokens(e.tokens, path);
  if (e.tokens.part != Tokens::Part::phrase)
    refuse(path + ".tokens", "only a phrase can be replaced; expected \"phrase\"");
  if (e.context == TokenContext::reencode) refuse(path + ".context", "\"reencode\"; expected \"keep\" or \"replace\"");
}
void check_effect(const ValueGain& e, Mode, const std::string& path) {
  check_tokens(e.tokens, path);
  check_curve(e.gain, Range::any, path + ".gain");
}
void check_effect(const Regions& e, Mode, const std::string& path) {
  if (e.prompts.empty()) refuse(path + ".prompts", "an empty list; expected at least one prompt");
  check_curve(e.base_share, Range::share, path + ".base_share");
}
void check_effect(const Attend& e, Mode mode, const std::string& path) {
  const bool legacy = mode == Mode::corepulse;
  check_curve(e.scale, legacy ? Range::any : Range::weight, path + ".scale");
  if (!legacy && !e.target) refuse(path, "the field \"target\" is missing: the region to look at");
  if (!legacy && e.interaction != Attend::Interaction::enhance)
    refuse(path + ".interaction", "interactions belong to mode corepulse; leave it out");
}
void check_effect(const Temperature& e, Mode, const std::string& path) {
  check_curve(e.value, Range::positive, path + ".value");
}
void check_effect(const Share& e, Mode, const std::string& path) {
  if (e.image.has_value() == !e.recording.empty())
    refuse(path, "expected either image (an index in the batch) or recording (a name)");
  if (!e.sha256.empty() && e.recording.empty()) refuse(path + ".sha256", "it belongs to a recording; leave it out");
}
void check_effect(const Guidance& e, Mode, const std::string& path) {
  check_curve(e.scale, Range::any, path + ".scale");
}
void check_effect(const SizeConditioning& e, Mode, const std::string& path) {
  if (!e.original && !e.crop && !e.target) refuse(path, "nothing to set; expected original, crop or target");
}
void check_effect(const Capture& e, Mode, const std::string& path) {
  if (e.what == Capture::What::map) return check_tokens(e.tokens, path);
  if (e.tokens != Tokens()) refuse(path, "a recording of keys takes no tokens; leave them out");
  if (e.name.empty()) refuse(path, "the field \"name\" is missing: what to call the recording");
}
void check_effect(const auto&, Mode, const std::string&) {}

// The published maths of self-attention knows two regions or none, and each interaction one of these.
void check_legacy_regions(const corepulse::Control& control, const std::string& path) {
  if (std::holds_alternative<Smooth>(control.effect) && control.region)
    refuse(path + ".region", "mode corepulse smooths whole pictures only; leave it out");
  const auto* attend = std::get_if<Attend>(&control.effect);
  if (!attend) return;
  if (control.region.has_value() != attend->target.has_value())
    refuse(path, "mode corepulse takes region and target together, or neither");
  const bool redirect = attend->interaction == Attend::Interaction::redirect;
  const bool sharpen = attend->interaction == Attend::Interaction::sharpen;
  if ((redirect && !control.region) || (sharpen && control.region))
    refuse(path + ".interaction", redirect ? "redirect needs region and target" : "sharpen takes no regions");
}

template <class E>
void check_common(const corepulse::Control& c, const std::string& path) {
  constexpr auto has = common_fields<E>();
  const auto kind = kind_name(c.effect);
  const auto absent = [&](bool unset, const char* field) {
    if (!unset) refuse(path + "." + field, fmt::format("{} has no such field; leave it out", kind));
  };
  if (!has.sites) {
    absent(c.where.empty(), "where");
    absent(!c.rows, "rows");
    absent(c.images.empty(), "images");
    absent(c.heads.empty(), "heads");
  }
  if (!has.region) absent(!c.region, "region");
  if (!has.mode) absent(c.mode == Mode::standard, "mode");
  if (c.mode == Mode::comfy && !std::is_same_v<E, Inject>)
    refuse(path + ".mode", fmt::format("the ComfyUI node has no {}; expected inject", kind));
  if (c.mode == Mode::corepulse) check_legacy_regions(c, path);
}

std::string subject(const Tokens& t) {
  if (t.part != Tokens::Part::phrase) return fmt::format("{} tokens", name_of(t.part));
  return quote(t.phrase);
}

}  // namespace

void check(const corepulse::Control& control, const std::string& path) {
  std::visit(
      [&]<class E>(const E& effect) {
        check_common<E>(control, path);
        check_effect(effect, control.mode, path);
        if constexpr (requires { effect.strength; }) check_curve(effect.strength, Range::share, path + ".strength");
      },
      control.effect);
}

std::string title(const corepulse::Control& control) {
  std::string what = std::visit(
      [](const auto& e) -> std::string {
        if constexpr (requires { e.tokens; })
          return subject(e.tokens);
        else if constexpr (requires { e.prompt; })
          return quote(e.prompt);
        else
          return "";
      },
      control.effect);
  if (const auto* regions = std::get_if<Regions>(&control.effect))
    for (const auto& prompt : regions->prompts) what += (what.empty() ? "" : ", ") + quote(prompt.prompt);
  if (const auto* capture = std::get_if<Capture>(&control.effect))
    if (capture->what == Capture::What::keys) what = quote(capture->name);
  return what.empty() ? kind_name(control.effect) : kind_name(control.effect) + (" " + what);
}

}  // namespace corepulse::control
