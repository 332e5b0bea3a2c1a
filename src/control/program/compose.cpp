#include "control/program/compose.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/fail.h"
#include "control/program/interner.h"

namespace corepulse::control {
namespace {

/** Rows of images that all controls treat alike share a class; those of both roles are numbered through. */
struct RowClasses {
  std::vector<int> of_image[2];  ///< [conditional][image]
  std::vector<int> images[2];    ///< [conditional]: an image of each class, in order.
};

RowClasses classify_rows(const std::vector<Placed>& placed, int batch) {
  RowClasses classes;
  for (const bool conditional : {false, true}) {
    std::map<std::vector<bool>, int> known;
    for (int image = 0; image < batch; ++image) {
      std::vector<bool> treatment;
      for (const auto& item : placed) {
        if (item.control && !item.control->images.empty()) treatment.push_back(item.takes_image(image));
        if (const auto source = item.effect->image()) treatment.push_back(*source == image);
      }
      const auto [place, fresh] = known.emplace(treatment, static_cast<int>(known.size()));
      if (fresh) classes.images[conditional].push_back(image);
      const int offset = conditional ? static_cast<int>(classes.images[0].size()) : 0;
      classes.of_image[conditional].push_back(offset + place->second);
    }
  }
  return classes;
}

/** Layers at which the same controls act on the same grid share a class. */
struct SiteClasses {
  std::vector<int> of_site;
  std::vector<const Site*> examples;       ///< By class.
  std::vector<std::vector<int>> controls;  ///< By class: who acts there, in order.
};

SiteClasses classify_sites(Context& context, const std::vector<Placed>& placed) {
  struct Key {
    bool cross;
    int height, width, heads;
    std::vector<int> controls;
    auto operator<=>(const Key&) const = default;
  };
  SiteClasses classes;
  std::map<Key, int> known;
  for (const auto& site : context.inputs.sites) {
    const auto g = context.grid_of(site);
    Key key{site.cross, g.height, g.width, site.heads, {}};
    for (size_t i = 0; i < placed.size(); ++i)
      if (placed[i].sites[site.index]) key.controls.push_back(static_cast<int>(i));
    context.budget.spend(placed.size());
    const auto [place, fresh] = known.emplace(key, static_cast<int>(known.size()));
    if (fresh) classes.controls.push_back(key.controls), classes.examples.push_back(nullptr);
    classes.of_site.push_back(place->second);
    classes.examples[place->second] = &site;
  }
  return classes;
}

// Attention computes in float32.
void check_range(const Draft& draft) {
  constexpr double kMost = std::numeric_limits<float>::max();
  const auto fits = [](double v) { return std::abs(v) <= kMost; };
  const bool gains = std::all_of(draft.key_gain.begin(), draft.key_gain.end(), fits) &&
                     std::all_of(draft.value_gain.begin(), draft.value_gain.end(), fits);
  const bool bias = std::all_of(draft.bias.begin(), draft.bias.end(), [](double v) { return v <= kMost; });
  if (!gains || !bias || !(static_cast<float>(draft.temperature) > 0))
    fail(ErrorCode::invalid_request, "controls",
         "their gains, scales or temperatures multiply to numbers that are too large; use smaller ones");
}

/** The part of a row at a layer that a control acts on. */
Part part_of(const Placed& item, const Site& site, double strength, Context& context) {
  Part part;
  part.values[0] = strength;
  if (!item.control) return part;
  if (!item.control->heads.empty()) {
    Part heads{site.heads, 1, std::vector<double>(site.heads, 0)};
    for (const int head : item.control->heads)
      if (head < site.heads) heads.values[head] = 1;
    heads.shrink();
    part = part * heads;
  }
  if (!item.control->region) return part;
  auto mask = context.tables.masks.at(*item.control->region, context.grid_of(site), item.path);
  if (item.effect->hard_regions()) {
    for (auto& v : mask.values) v = v > 0.5;
    mask.shrink();
  }
  return part * mask;
}

class Composer {
 public:
  Composer(Context& context, const StepInputs& steps, const std::vector<Placed>& placed)
      : context_(context),
        steps_(steps),
        placed_(placed),
        rows_(classify_rows(placed, context.inputs.batch)),
        sites_(classify_sites(context, placed)) {}

  Composition operator()() {
    const auto calls = static_cast<int>(context_.inputs.calls.size());
    auto& table = made_.table;
    made_.outcomes.resize(placed_.size());
    table.moments.assign(sites_.examples.size(), std::vector<int>(calls));
    for (size_t c = 0; c < sites_.examples.size(); ++c) {
      std::map<std::vector<int>, int> known;
      for (int call = 0; call < calls; ++call) {
        const auto [place, fresh] = known.emplace(signature(c, call), static_cast<int>(table.plans.size()));
        if (fresh) table.plans.push_back(plan(c, call));
        table.moments[c][call] = place->second;
      }
    }
    table.class_of_site = std::move(sites_.of_site);
    for (const bool conditional : {false, true}) table.row_classes[conditional] = rows_.of_image[conditional];
    return std::move(made_);
  }

 private:
  /** Calls of the same one have the same plans at the layers of a class. */
  std::vector<int> signature(size_t site_class, int call) {
    std::vector<int> key{steps_.guided[call], steps_.negative[call]};
    const auto& controls = sites_.controls[site_class];
    for (const int i : controls)
      if (placed_[i].numbers_at[call] >= 0) key.push_back(i), key.push_back(placed_[i].numbers_at[call]);
    context_.budget.spend(controls.size() + 1);
    return key;
  }

  PlanTable::Plan plan(size_t site_class, int call) {
    PlanTable::Plan plan;
    std::set<int> acting;
    for (const bool conditional : {false, true})
      for (const int image : rows_.images[conditional]) {
        if (!conditional && !steps_.guided[call]) {
          plan.rows.push_back(-1);
          continue;
        }
        const auto readings = published(row(site_class, call, conditional, image, acting));
        for (const auto& reading : readings)
          for (const auto& source : reading.sources) plan.joins_images |= source.kind == Source::Kind::image;
        plan.rows.push_back(static_cast<int>(made_.table.readings.size()));
        made_.table.readings.push_back(readings);
      }
    for (const int i : acting)
      if (placed_[i].index >= 0) plan.acting.push_back(placed_[i].index);
    return plan;
  }

  std::vector<Draft> row(size_t site_class, int call, bool conditional, int image, std::set<int>& acting) {
    const auto& site = *sites_.examples[site_class];
    const auto grid = context_.grid_of(site);
    const int text = conditional ? 0 : steps_.negative[call];
    const Source own = site.cross ? Source{Source::Kind::text, text} : Source{Source::Kind::own, 0};
    Mix mix(Draft{.sources = {own}}, context_.options.elide, context_.budget);
    for (const int i : sites_.controls[site_class]) {
      const auto& item = placed_[i];
      auto& outcome = made_.outcomes[i];
      if (item.numbers_at[call] < 0 || !item.takes_row(conditional) || !item.takes_image(image)) continue;
      const auto& numbers = item.numbers[item.numbers_at[call]];
      const auto part = part_of(item, site, numbers[0], context_);
      const auto before = mix;
      const bool matched = item.effect->apply(
          mix, {grid, conditional, image, numbers, part, context_.tables, outcome.texts, outcome.cut});
      outcome.matched |= matched;
      if (!matched && site.cross && !outcome.matched)
        for (const auto& draft : before.readings()) outcome.tried.insert(draft.sources[0].id);
      if (mix == before) continue;
      outcome.changed = true;
      acting.insert(i);
    }
    return mix.readings();
  }

  std::vector<Reading> published(const std::vector<Draft>& drafts) {
    std::vector<Reading> readings;
    for (const auto& draft : drafts) {
      check_range(draft);
      Reading r{.sources = draft.sources};
      for (auto& source : r.sources)
        if (source.kind == Source::Kind::text) source.id = context_.tables.texts.publish(source.id);
      if (!draft.share.is(1) || !context_.options.elide) {
        r.share = interner_(draft.share.values);
        r.share_heads = draft.share.heads, r.share_pixels = draft.share.pixels;
      }
      r.bias = interner_(draft.bias);
      r.key_gain = interner_(draft.key_gain);
      r.value_gain = interner_(draft.value_gain);
      r.temperature = static_cast<float>(draft.temperature);
      r.function = draft.function;
      readings.push_back(std::move(r));
    }
    return readings;
  }

  Context& context_;
  const StepInputs& steps_;
  const std::vector<Placed>& placed_;
  RowClasses rows_;
  SiteClasses sites_;
  Interner interner_;
  Composition made_;
};

}  // namespace

Composition compose(Context& context, const StepInputs& steps, const std::vector<Placed>& placed) {
  return Composer(context, steps, placed)();
}

}  // namespace corepulse::control
