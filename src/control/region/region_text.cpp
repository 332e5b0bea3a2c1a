// Regions from short forms: "left half feather 0.05 + circle 0.5,0.5,0.2".
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fail.h"
#include "base/names.h"
#include "control/recipe/scanner.h"

namespace corepulse {
namespace control {
namespace {

struct Named {
  const char *first, *second;  // two words
  double x, y, width, height;
};

constexpr Named kNamed[] = {{"left", "half", 0, 0, 0.5, 1},       {"right", "half", 0.5, 0, 0.5, 1},
                            {"top", "half", 0, 0, 1, 0.5},        {"bottom", "half", 0, 0.5, 1, 0.5},
                            {"top", "left", 0, 0, 0.5, 0.5},      {"top", "right", 0.5, 0, 0.5, 0.5},
                            {"bottom", "left", 0, 0.5, 0.5, 0.5}, {"bottom", "right", 0.5, 0.5, 0.5, 0.5}};

using Numbers = std::vector<double>;

/** Shapes that are a word and numbers. */
struct Numbered {
  const char* word;
  int count;
  Region (*make)(const Numbers&);
};

constexpr Numbered kNumbered[] = {
    {"rect", 4, [](const Numbers& n) { return rectangle(n[0], n[1], n[2], n[3]); }},
    {"circle", 3, [](const Numbers& n) { return circle(n[0], n[1], n[2]); }},
    {"ellipse", 4, [](const Numbers& n) { return ellipse(n[0], n[1], n[2], n[3]); }},
    {"linear", 4, [](const Numbers& n) { return linear_gradient({n[0], n[1]}, {n[2], n[3]}); }},
    {"radial", 3, [](const Numbers& n) { return radial_gradient({n[0], n[1]}, n[2]); }}};

// Deep enough for people, and short enough for the stack.
constexpr int kMostTerms = 1000;

std::vector<std::string> shape_words() {
  std::vector<std::string> words{"rect",   "circle",  "ellipse",   "polygon",      "linear",
                                 "radial", "picture", "attention", "center circle"};
  for (const auto& named : kNamed) words.push_back(fmt::format("{} {}", named.first, named.second));
  return words;
}

}  // namespace

Region Scanner::region() {
  auto sum = region_term();
  for (int terms = 1;; ++terms) {
    if (terms > kMostTerms) refuse(fmt::format("at most {} parts", kMostTerms));
    if (take_word("+"))
      sum = sum + region_term();
    else if (take_word("-"))
      sum = sum - region_term();
    else if (take_word("*"))
      sum = sum * region_term();
    else
      return sum;
  }
}

Region Scanner::region_term() {
  const bool inverted = take_word("not");
  auto region = region_shape();
  for (;;) {
    if (take_word("feather"))
      region.feather_width = number();
    else if (take_word("blur"))
      region.blur_sigma = number();
    else if (take_word("px"))
      region.unit = LengthUnit::pixel;
    else
      return inverted ? !region : region;
  }
}

Region Scanner::attention_region() {
  auto region = looked_at(file_name());
  for (;;) {
    if (take_word("at"))
      region.where = word("a layer such as output:1");
    else if (take_word("over"))
      region.threshold = number();
    else if (take_word("image"))
      region.image = whole_number();
    else
      return region;
  }
}

Region Scanner::region_shape() {
  const size_t begin = at_;
  for (const auto& shape : kNumbered)
    if (take_word(shape.word)) return shape.make(numbers(shape.count));
  if (take_word("polygon")) {
    std::vector<Region::Point> corners;
    while (at_number()) {
      const auto n = numbers(2);
      corners.emplace_back(n[0], n[1]);
    }
    return polygon(std::move(corners));
  }
  if (take_word("picture")) {
    auto file = file_name();
    return picture(std::move(file), take_word("alpha") ? PictureChannel::alpha : PictureChannel::luminance);
  }
  if (take_word("attention")) return attention_region();
  if (take_word("center") && take_word("circle")) return circle(0.5, 0.5, 0.25);
  for (const auto& named : kNamed) {
    at_ = begin;
    if (take_word(named.first) && take_word(named.second))
      return rectangle(named.x, named.y, named.width, named.height);
  }
  at_ = begin;
  Scanner ahead = *this;
  auto words = ahead.done() ? "" : ahead.word("a region");
  for (const char* half : {"left", "right", "top", "bottom", "center"})
    if (words == half && !ahead.done()) words += " " + ahead.word("a region");
  refuse("a region; " + choices(words, shape_words()));
}

}  // namespace control

Region parse_region(std::string_view text) {
  control::Scanner scanner("region", text);
  auto region = scanner.region();
  if (!scanner.done()) scanner.refuse("feather, blur, px, or + - * and another region");
  return region;
}

}  // namespace corepulse
