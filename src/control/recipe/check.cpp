#include "control/recipe/check.h"

#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "control/kind.h"
#include "control/quote.h"
#include "control/recipe/words.h"

namespace corepulse::control {
namespace {

constexpr size_t kMostPoints = 10000;
constexpr double kLargest = std::numeric_limits<double>::max();

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

void check_common(const corepulse::Control& c, const Kind& kind, const std::string& path) {
  const auto& has = kind.common;
  const auto absent = [&](bool unset, const char* field) {
    if (unset) return;
    refuse(path + "." + field,
           has.instead ? has.instead : fmt::format("{} has no such field; leave it out", kind.name));
  };
  if (!has.where) absent(c.where.empty(), "where");
  if (!has.rows) absent(!c.rows, "rows");
  if (!has.images) absent(c.images.empty(), "images");
  if (!has.heads) absent(c.heads.empty(), "heads");
  if (!has.region) absent(!c.region, "region");
  if (!has.mode) absent(c.mode == Mode::standard, "mode");
  if (c.mode == Mode::comfy && !kind.comfy)
    refuse(path + ".mode", fmt::format("the ComfyUI node has no {}; expected inject", kind.name));
}

}  // namespace

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

std::string subject(const Tokens& t) {
  if (t.part != Tokens::Part::phrase) return fmt::format("{} tokens", name_of(t.part));
  return quote(t.phrase);
}

void check(const corepulse::Control& control, const std::string& path) {
  const auto& kind = kind_of(control.effect);
  check_common(control, kind, path);
  kind.check(control, path);
}

std::string title(const corepulse::Control& control) {
  const auto& kind = kind_of(control.effect);
  const auto subject = kind.subject(control.effect);
  return subject.empty() ? kind.name : kind.name + (" " + subject);
}

}  // namespace corepulse::control
