#include "variants.h"

#include <fmt/format.h>
#include <limits>

namespace corepulse::efficacy {

namespace {

struct Sites {
  const char *name, *where;
};
constexpr Sites kAll{"all", "all"}, kScene{"composition", "composition"}, kObject{"middle:0", "content"};
constexpr Sites kLook{"style", "style"}, kSceneAndObject{"composition + middle:0", "composition, content"};
constexpr Sites kObjectAndLook{"middle:0 + style", "content, style"};
constexpr Sites kCoarse{"8x8: input:2 + middle:0 + output:0", "coarse"};
constexpr Sites kBlocks[] = {{"input:0", "input:0"},   {"input:1", "input:1"},   {"input:2", "input:2"},
                             {"middle:0", "middle:0"}, {"output:0", "output:0"}, {"output:1", "output:1"},
                             {"output:2", "output:2"}};

struct Span {
  const char* name;
  double start, end;
};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Span kAlways{"always", kInfinity, 0}, kEarly{"sigma > 3", kInfinity, 3}, kMost{"sigma > 1", kInfinity, 1};
constexpr Span kNearlyAll{"sigma > 0.5", kInfinity, 0.5}, kMiddle{"sigma 3..0.5", 3, 0.5}, kLate{"sigma < 0.5", 0.5, 0},
    kNotFirst{"sigma < 3", 3, 0};

Control injected(const std::string& prompt, const Sites& sites, const Span& span) {
  const auto control = inject(prompt).at(sites.where);
  return span.start < kInfinity || span.end > 0 ? control.sigma(span.start, span.end) : control;
}

/** CorePulse's injection: its weight scales keys and values together. */
Control corepulse_injected(const std::string& prompt, const Sites& sites, double weight) {
  return inject(prompt).at(sites.where).sigma(15, 0).gains(weight, weight).as(Mode::corepulse);
}

std::string label(const Sites& sites, const char* form, const Span& span) {
  return fmt::format("{} | {} | {}", sites.name, form, span.name);
}

}  // namespace

Variant variant(std::string name, std::vector<Control> controls) {
  return {std::move(name), [controls](const Spot&) { return controls; }};
}

Variant plain() {
  return variant("plain", {});
}

std::string sentence(const Side& side, bool color, bool manner) {
  std::string object = side.name;
  if (color) object = fmt::format("{} {} {}", side.color[0] == 'o' ? "an" : "a", side.color, side.bare);
  return fmt::format("{}{}{} {}", manner ? side.manner : "", manner && !side.manner.empty() ? " " : "", object,
                     side.place);
}

Suite inject_suite(const Pair& pair, bool all) {
  const std::string object = pair.to.name, whole = pair.to.name + " " + pair.from.place;
  Suite suite{"inject", sentence(pair.from), {plain(), variant("asked plainly", {inject(whole)})}};
  const auto add = [&](const Sites& sites, const Span& span) {
    suite.variants.push_back(variant(label(sites, "object", span), {injected(object, sites, span)}));
    suite.variants.push_back(variant(label(sites, "whole prompt", span), {injected(whole, sites, span)}));
  };
  for (const auto& sites : {kObject, kAll}) add(sites, kAlways);
  if (all) {
    for (const auto& sites : {kSceneAndObject, kObjectAndLook, kCoarse, kScene, kLook}) add(sites, kAlways);
    for (const auto& span : {kEarly, kMost, kNearlyAll})
      for (const auto& sites : {kObject, kObjectAndLook, kAll}) add(sites, span);
  }
  const auto theirs = [&](const Sites& sites, double weight) {
    suite.variants.push_back(variant(fmt::format("CorePulse: {} | object | weight {}", sites.name, weight),
                                     {corepulse_injected(object, sites, weight)}));
  };
  for (const double weight : {1.0, 2.0})
    for (const auto& sites : {kObject, kAll}) theirs(sites, weight);
  if (all) theirs(kObjectAndLook, 2);
  return suite;
}

Suite region_suite(const Pair& pair, bool all) {
  const std::string object = pair.to.name, whole = pair.to.name + " " + pair.from.place;
  Suite suite{"region", sentence(pair.from), {plain()}};
  // What keeps the rest besides the region: nothing; looking at the plain picture instead of at itself, so that what is
  // inside cannot leak out; or not looking into the region.
  enum Rest { open, kept, sealed };
  constexpr const char* rest_names[] = {"", " | rest looks at the plain picture", " | rest does not look inside"};
  const auto add = [&](const Sites& sites, const char* form, const Span& span, int margin, Rest rest) {
    const auto control = injected(form == std::string("object") ? object : whole, sites, span);
    const auto make = [control, margin, rest](const Spot& spot) {
      const auto inside = (margin ? spot.wide : spot.tight).region();
      std::vector<Control> controls{Control(control).within(inside)};
      if (rest == kept)
        controls.push_back(share_image(spot.plain_image, Share::How::instead).within(!inside).on(Rows::both));
      if (rest == sealed) controls.push_back(attend(inside, 0).within(!inside).on(Rows::both));
      return controls;
    };
    suite.variants.push_back(
        {label(sites, form, span) + (margin ? "" : " | tight box") + rest_names[rest], make, rest == kept});
  };
  for (const auto& sites : {kAll, kObject}) add(sites, "object", kAlways, 1, open);
  add(kAll, "whole prompt", kAlways, 1, open);
  add(kObject, "whole prompt", kAlways, 1, open);
  if (all) {
    add(kObjectAndLook, "whole prompt", kAlways, 1, open);
    for (const auto& sites : {kAll, kObject, kObjectAndLook}) {
      for (const auto* form : {"object", "whole prompt"}) add(sites, form, kAlways, 0, open);
      for (const auto& span : {kEarly, kMost, kNearlyAll}) add(sites, "whole prompt", span, 1, open);
    }
    for (const auto rest : {kept, sealed})
      for (const auto& sites : {kAll, kObject, kObjectAndLook})
        for (const int margin : {0, 1}) add(sites, "whole prompt", kAlways, margin, rest);
  }
  for (const auto& sites : {kAll, kObject})
    for (const double weight : {1.0, 2.0}) {
      const auto control = corepulse_injected(object, sites, weight);
      suite.variants.push_back(
          {fmt::format("CorePulse: {} | object | weight {}", sites.name, weight),
           [control](const Spot& spot) { return std::vector{Control(control).within(spot.wide.region())}; }});
    }
  return suite;
}

namespace {

void add_masks(Suite& suite, const std::string& phrase, bool all) {
  const auto masked = [&](TokenContext context, const char* where) {
    return mask_tokens(phrase).at(where).context(context);
  };
  const auto theirs = [&](double scale) {
    auto control = reweight(phrase, scale).sigma(15, 0).as(Mode::corepulse);
    suite.variants.push_back(variant(fmt::format("CorePulse: logits x {} | all", scale), {control}));
  };
  suite.variants.push_back(variant("keep | all", {masked(TokenContext::keep, "all")}));
  suite.variants.push_back(variant("reencode | all", {masked(TokenContext::reencode, "all")}));
  theirs(0);
  if (!all) return;
  suite.variants.push_back(variant("keep, end and padding masked too | all",
                                   {masked(TokenContext::keep, "all"), mask_tokens(Tokens::Part::end).at("all"),
                                    mask_tokens(Tokens::Part::padding).at("all")}));
  suite.variants.push_back(
      variant("reencode | composition + middle:0", {masked(TokenContext::reencode, kSceneAndObject.where)}));
  suite.variants.push_back(variant("reencode | style", {masked(TokenContext::reencode, kLook.where)}));
  theirs(-2);
}

}  // namespace

Suite mask_object_suite(const Pair& pair, bool all) {
  const auto& [a, b] = std::pair(pair.from, pair.to);
  Suite suite{"mask one of two",
              fmt::format("{} and {} {}", a.name, b.name, a.place),
              {plain(), variant("asked plainly", {inject(b.name + " " + a.place)})}};
  add_masks(suite, a.bare, all);
  return suite;
}

Suite mask_color_suite(const Pair& pair, bool all) {
  Suite suite{
      "mask a colour", sentence(pair.from, true), {plain(), variant("asked plainly", {inject(sentence(pair.from))})}};
  add_masks(suite, pair.from.color, all);
  return suite;
}

Suite places_suite(const Pair& pair, bool all) {
  const auto& [a, b] = std::pair(pair.from, pair.to);
  const std::string left = a.name + " on the left " + a.place, right = b.name + " on the right " + a.place;
  const std::string both = fmt::format("{} on the left and {} on the right {}", a.name, b.name, a.place);
  Suite suite{"places",
              fmt::format("{} and {} {}", a.name, b.name, a.place),
              {plain(), variant("asked plainly", {inject(both)})}};
  // `layout`: the whole prompt names both places, the halves say only what is there.
  const auto halves = [&](const std::string& name, const std::string& l, const std::string& r, const Sites& sites,
                          double base_share, bool layout, std::vector<Control> more = {}) {
    std::vector<Control> controls;
    if (layout) controls.push_back(inject(both));
    controls.push_back(
        regions({{l, rectangle(0, 0, 0.5, 1)}, {r, rectangle(0.5, 0, 0.5, 1)}}, base_share).at(sites.where));
    controls.insert(controls.end(), more.begin(), more.end());
    suite.variants.push_back(variant(name, controls));
  };
  const std::string here = a.name + " " + a.place, there = b.name + " " + a.place;
  const auto seal = [](double from, double to) {
    return attend(rectangle(to, 0, 0.5, 1), 0).within(rectangle(from, 0, 0.5, 1)).on(Rows::both);
  };
  std::vector<Control> apart{seal(0, 0.5), seal(0.5, 0)};
  halves("halves: objects | all", here, there, kAll, 0, false);
  halves("halves: objects and places | all", left, right, kAll, 0, false);
  halves("layout + halves: objects and places | all", left, right, kAll, 0, true);
  if (all) {
    halves("halves: objects and places | all | halves do not look at each other", left, right, kAll, 0, false, apart);
    halves("layout + halves: objects | all", a.name, b.name, kAll, 0, true);
    halves("layout + halves: objects and places, base_share 0.5 | all", left, right, kAll, 0.5, true);
    for (const auto& sites : {kObject, kSceneAndObject, kObjectAndLook, kLook}) {
      halves(fmt::format("layout + halves: objects and places | {}", sites.name), left, right, sites, 0, true);
      halves(fmt::format("layout + halves: objects | {}", sites.name), a.name, b.name, sites, 0, true);
    }
    for (const auto& sites : {kObject, kObjectAndLook})
      halves(fmt::format("layout + halves: objects and places | {} | halves do not look at each other", sites.name),
             left, right, sites, 0, true, apart);
  }
  const auto theirs = [&](const std::string& prompt, double x) {
    return corepulse_injected(prompt, kAll, 1).within(rectangle(x, 0, 0.5, 1));
  };
  suite.variants.push_back(variant("CorePulse: two regional injections | all", {theirs(here, 0), theirs(there, 0.5)}));
  suite.variants.push_back(
      variant("CorePulse: two regional injections, with places | all", {theirs(left, 0), theirs(right, 0.5)}));
  return suite;
}

std::vector<Suite> role_suites(const Pair& pair, bool all) {
  struct Property {
    const char* name;
    std::string from, to;
  };
  const auto& [a, b] = std::pair(pair.from, pair.to);
  auto moved = a, painted = a, tinted = a;
  moved.place = b.place, painted.manner = b.manner, tinted.color = b.color;
  const Property properties[] = {{"everything", sentence(a, true), sentence(b, true, true)},
                                 {"object", sentence(a), b.name + " " + a.place},
                                 {"scene", sentence(a), sentence(moved)},
                                 {"colour", sentence(a, true), sentence(tinted, true)},
                                 {"style", sentence(a), sentence(painted, false, true)}};
  std::vector<Suite> suites;
  for (const auto& property : properties) {
    Suite suite{fmt::format("role of {}", property.name),
                property.from,
                {plain(), variant("asked plainly", {inject(property.to)})}};
    const auto add = [&](const Sites& sites, const Span& span, const char* name) {
      suite.variants.push_back(variant(name, {injected(property.to, sites, span)}));
    };
    for (const auto& block : kBlocks) add(block, kAlways, block.name);
    for (const auto& set : {kScene, kLook}) add(set, kAlways, set.name);
    if (all) add(kObjectAndLook, kAlways, kObjectAndLook.name);
    for (const auto& span : {kEarly, kMiddle, kLate}) add(kAll, span, span.name);
    if (all) add(kAll, kNotFirst, kNotFirst.name);
    suites.push_back(std::move(suite));
    if (!all) break;  // a quick look moves everything at once
  }
  return suites;
}

}  // namespace corepulse::efficacy
