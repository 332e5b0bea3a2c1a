#include "report.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "choose.h"
#include "questions.h"

namespace corepulse::efficacy {

namespace {

/** "middle:0 | object" -> "middle:0; object": a bar would end the cell. */
std::string in_a_cell(std::string name) {
  for (size_t at = 0; (at = name.find(" | ", at)) != name.npos;) name.replace(at, 3, "; ");
  return name;
}

/** A Markdown table; the first column is code, the chosen row is bold. */
std::string table(const std::string& head, const Query& query, const std::string& best,
                  const std::function<std::string(const std::string&)>& cells) {
  std::string text = head + "\n|" + [&] {
    std::string line;
    for (auto i = std::count(head.begin(), head.end(), '|') - 1; i > 0; --i) line += "---|";
    return line;
  }() + "\n";
  for (const auto& variant : query.variants()) {
    auto name = in_a_cell(variant);
    if (variant == best) name = "**" + name + "**";
    text += fmt::format("| {} | {} |\n", name, cells(variant));
  }
  return text + "\n";
}

std::string ratio(const Rate& rate, double to) {
  return to > 0 ? fmt::format("{:.2f}", rate.value() / to) : "-";
}

struct Measured {
  explicit Measured(const Facts& facts)
      : inject(facts, "inject", true),
        region(facts, "region", true),
        object(facts, "mask one of two", true),
        color(facts, "mask a colour", true),
        places(facts, "places", true),
        asked(inject.rate("asked plainly", shows_to)),
        single(inject.rate("plain", shows_from)) {}
  Query inject, region, object, color, places;
  Rate asked, single;
};

std::string turning_table(const Query& query, const std::string& best, double asked) {
  return table("| what is injected | turned | / asked plainly | scene kept | SSIM outside the box | outside objects |",
               query, best, [&](const std::string& v) {
                 const auto turned = query.rate(v, shows_to);
                 return fmt::format("{} | {} | {} | {:.3f} | {:.3f}", percent(turned), ratio(turned, asked),
                                    percent(query.rate(v, keeps_scene)), query.mean(v, &Fact::outside),
                                    query.mean(v, &Fact::background));
               });
}

std::string mask_tables(const Facts& facts, const Measured& m) {
  const auto both = [](const Fact& f, const Pair&) { return f.from_cells >= kLeastCells && f.to_cells >= kLeastCells; };
  const auto gone = [](const Fact& f, const Pair&) { return f.from_cells < kLeastCells; };
  const auto stays = [](const Fact& f, const Pair&) { return f.to_cells >= kLeastCells; };
  const auto colored = [](const Fact& f, const Pair& p) { return shows_from(f, p) && f.tint == p.from.tint; };
  const auto faded = [](const Fact& f, const Pair& p) { return f.tint != p.from.tint; };
  std::string text =
      "One of two objects (\"an A and a B in a park\", the word A masked; of the pictures that plainly show both):\n\n";
  text += table("| masked | A gone | B stays | scene kept | SSIM outside objects |", m.object,
                ranking(facts, "mask one of two").front(), [&](const std::string& v) {
                  return fmt::format("{} | {} | {} | {:.3f}", percent(m.object.rate(v, gone, both)),
                                     percent(m.object.rate(v, stays, both)),
                                     percent(m.object.rate(v, keeps_scene, both)), m.object.mean(v, &Fact::background));
                });
  text += "A colour (\"a red A in a park\", the word red masked; of the pictures that plainly show A in it):\n\n";
  return text + table("| masked | colour gone | A stays | scene kept | SSIM outside objects |", m.color,
                      ranking(facts, "mask a colour").front(), [&](const std::string& v) {
                        return fmt::format("{} | {} | {} | {:.3f}", percent(m.color.rate(v, faded, colored)),
                                           percent(m.color.rate(v, shows_from, colored)),
                                           percent(m.color.rate(v, keeps_scene, colored)),
                                           m.color.mean(v, &Fact::background));
                      });
}

std::string places_table(const Facts& facts, const Measured& m, double goal) {
  const auto left = [](const Fact& f, const Pair& p) { return f.left == p.from.object; };
  const auto right = [](const Fact& f, const Pair& p) { return f.right == p.to.object; };
  return table("| what is asked | both right | / single² | left right | right right | scene kept |", m.places,
               ranking(facts, "places").front(), [&](const std::string& v) {
                 const auto both = m.places.rate(v, both_placed);
                 return fmt::format("{} | {} | {} | {} | {}", percent(both), ratio(both, goal),
                                    percent(m.places.rate(v, left)), percent(m.places.rate(v, right)),
                                    percent(m.places.rate(v, keeps_scene)));
               });
}

class Goals {
 public:
  /** `asked`: the same number, to compare, where the wish is the prompt and no control acts. */
  void add(const char* what, const std::string& how, double value, double asked, double least) {
    text_ += fmt::format("| {} | {} | {:.3f} | {:.3f} | >= {} | {} |\n", what, in_a_cell(how), value, asked, least,
                         value >= least ? "yes" : "**no**");
  }
  std::string text() const { return text_ + "\n"; }

 private:
  std::string text_ = "| goal | how | held-out pairs | asked plainly | wanted | reached |\n|---|---|---|---|---|---|\n";
};

/** What CorePulse promises of its groups of blocks. */
void add_roles(Goals& goals, const Facts& facts, const Measured& m) {
  for (const char* how : {"middle:0 | object | always", "CorePulse: middle:0 | object | weight 2"}) {
    goals.add("another object at `middle:0`, relative to asking plainly", how,
              m.inject.rate(how, shows_to).value() / m.asked.value(), 1, 0.95);
    goals.add("and the scene is kept", how, m.inject.rate(how, keeps_scene).value(),
              m.inject.rate("asked plainly", keeps_scene).value(), 0.95);
  }
  constexpr const char* rows[][3] = {{"scene", "composition", "another scene at `composition`"},
                                     {"colour", "style", "another colour at `style`"},
                                     {"style", "style", "another drawing style or effect at `style`"}};
  for (const auto& [property, where, what] : rows) {
    const auto move = role_of(facts, property, where), asked = role_of(facts, property, "asked plainly");
    const auto how = fmt::format("{} | whole prompt | always", where);
    goals.add(what, how, move.moved.value(), asked.moved.value(), 0.9);
    goals.add("and the object is kept", how, move.object_kept.value(), asked.object_kept.value(), 0.9);
  }
}

std::string goals_table(const Facts& facts, const Measured& m) {
  const double single = m.single.value() * m.asked.value();
  const auto inject = ranking(facts, "inject").front(), region = ranking(facts, "region").front();
  const auto places = ranking(facts, "places").front();
  const auto chosen = [](const std::string& name) { return name + " (chosen)"; };
  Goals goals;
  goals.add("`inject` turns the object, relative to asking plainly", chosen(inject),
            m.inject.rate(inject, shows_to).value() / m.asked.value(), 1, 0.95);
  add_roles(goals, facts, m);
  goals.add("`inject` in a region turns the object, relative to asking plainly", chosen(region),
            m.region.rate(region, shows_to).value() / m.asked.value(), 1, 0.95);
  goals.add("and the rest stays: SSIM outside the box", chosen(region), m.region.mean(region, &Fact::outside),
            m.inject.mean("asked plainly", &Fact::outside), 0.95);
  goals.add("two objects rightly placed, relative to single²", chosen(places),
            m.places.rate(places, both_placed).value() / single,
            m.places.rate("asked plainly", both_placed).value() / single, 0.9);
  return goals.text();
}

constexpr const char* kColors =
    R"(The model does not draw brown objects: asked for one, plainly or at `style`, it leaves the object its own colours. Of the
other colours, {:.3f} moved at `style` and {:.3f} kept the object; asked plainly, {:.3f} and {:.3f}. Where the object is
not kept, the judge mostly sees one of a like shape (in a black tiger a leopard), as it does without control.

)";

/** Why the colours are where they are: not all of it is control. */
std::string colors_note(const Facts& facts) {
  const auto move = role_of(facts, "colour", "style", color_known);
  const auto asked = role_of(facts, "colour", "asked plainly", color_known);
  return fmt::format(fmt::runtime(kColors), move.moved.value(), move.object_kept.value(), asked.moved.value(),
                     asked.object_kept.value());
}

constexpr const char* kInjectNote =
    R"(`middle:0` is enough, and the object's name alone will do there. In all layers the name alone takes the scene with it,
since it names none.

)";
constexpr const char* kRegionNote =
    R"(Here the name alone will do in all layers, too: outside the region the scene is read. Of these rows, those whose rest
looks at the plain picture keep a similarity of 0.95 outside the box.

)";
constexpr const char* kMaskNote =
    R"(Where A is masked in the pictures above, "and" is still read and asks for two: B stands in A's place as well. Masking
"an A and" leaves one, as in the recipe `token-mask`. A colour is still in the other words, which heard it: `reencode`
lets them forget it.

)";
constexpr const char* kPlaces =
    R"(In all layers each half's prompt must name its place, or both draw at one place. Where the whole prompt names the places
and the halves act at `middle:0`, the objects' names are enough ({} of the tuning pictures).

)";

std::string places_note(const Facts& facts) {
  const Query tuning(facts, "places", false);
  return fmt::format(fmt::runtime(kPlaces), percent(tuning.rate("layout + halves: objects | middle:0", both_placed)));
}

constexpr const char* kIntroduction = R"(# How well control works

Measured on the [built-in model](../models/builtin): [bench/efficacy](../bench/efficacy) draws thousands of pictures, a
[judge](../models/judge) says what each shows, and this page, with its tables and sheets, is written by
`efficacy report` from the facts kept in [bench/efficacy/results](../bench/efficacy/results). It is about one small model
whose blocks were trained to have the roles that CorePulse describes; others divide their work differently.

)";

constexpr const char* kMethod = R"(## How it was measured
Pairs of objects (A, B) with a scene each, no object in two pairs; {} seeds; the same seeds and weights for every row.
Variants were tried on {} tuning pairs; the best four of each task and those that are always of interest were then drawn
for {} other, held-out pairs, which are what every table shows. Bold and *chosen*: by the tuning pairs (by a rule in
`choose.h`: of the variants that turn the object at least 0.95 times as often as asking plainly, the one that keeps most
of the rest). {} Euler steps, guidance 5; {} on {}. A rate of 95 % over the
{} pictures of a row has a standard error of {:.1f} points; the {} tuning pictures tell good variants from bad ones, not good ones from each other.

- *turned*: most cells with an object show B. A picture counts as showing an object from {} cells of 16x16 pixels on.
- *asked plainly*: the other prompt, drawn without control. The judge finds the asked object in {} of these pictures,
  and A in {} of the plain ones: so well do model and judge understand each other.
- *outside the box*: SSIM (grey, 7x7 windows) to the plain picture outside the box around the plain picture's object and
  one cell more; *outside objects*: outside all cells that show an object in either picture and their neighbours.
- CorePulse: its published maths (`mode: corepulse`) at the weights and windows of its documentation; a weight scales keys
  and values together. At weight 1 it computes the same as `inject` with strength 1. In the sheets it is *CP*, and
  *share* is the control by which the rest looks at the plain picture.

)";

}  // namespace

std::string percent(const Rate& rate) {
  return rate.count ? fmt::format("{:.0f} %", 100 * rate.value()) : "-";
}

std::string report_text(const Facts& facts) {
  const Measured m(facts);
  const double single = m.single.value() * m.asked.value();
  std::string text = kIntroduction + goals_table(facts, m) + colors_note(facts);
  text += fmt::format(fmt::runtime(kMethod), facts.seeds, Query(facts, "inject", false).pairs(), m.inject.pairs(),
                      facts.steps, facts.version.substr(0, facts.version.find(" (")), facts.device, m.asked.count,
                      100 * std::sqrt(0.95 * 0.05 / std::max(m.asked.count, 1)),
                      Query(facts, "inject", false).rate("plain", shows_from).count, kLeastCells, percent(m.asked),
                      percent(m.single));
  text += "## Another object\n![The same seeds plain and with another object injected](efficacy/inject.webp)\n\n";
  text += turning_table(m.inject, ranking(facts, "inject").front(), m.asked.value()) + kInjectNote;
  text += "## Another object in a region\nThe region is the box around A (*tight box*: without the extra cell).\n";
  text += "![Another object injected inside a box](efficacy/region.webp)\n\n";
  text += turning_table(m.region, ranking(facts, "region").front(), m.asked.value()) + kRegionNote;
  text += "## Words that are not read\n![One of two objects masked, a colour masked](efficacy/mask.webp)\n\n";
  text += mask_tables(facts, m) + kMaskNote;
  text += fmt::format(
      "## Two objects, each in its half\n\"An A left and a B right\", beside the square of the rate of single "
      "objects, {:.2f}.\n![Two objects in their halves](efficacy/places.webp)\n\n",
      single);
  return text + places_table(facts, m, single) + places_note(facts) + guide_text(facts) + pictures_text(facts) +
         role_tables(facts);
}

}  // namespace corepulse::efficacy
