#include "control/program/compose.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/fail.h"
#include "control/program/besides/live.h"
#include "control/program/interner.h"

namespace corepulse::control {
namespace {

/** Rows of images that all controls treat alike share a class; those of all roles are numbered through. */
struct RowClasses {
  std::vector<std::vector<int>> of_image;  ///< [role][image]; -1: there is no such row.
  std::vector<Row> examples;               ///< By class.
};

/** What tells images of a run apart: how each control treats the image, and its prompt. */
std::vector<std::vector<int>> treatments(const std::vector<Placed>& placed, const StepInputs& steps) {
  std::vector<std::vector<int>> all;
  for (size_t i = 0; i < steps.prompts.size(); ++i) {
    const int image = static_cast<int>(i);
    std::vector<int> treatment{steps.prompts[i]};
    for (const auto& item : placed) {
      if (has_live_region(item)) treatment.push_back(image);
      if (item.control && !item.control->images.empty()) treatment.push_back(item.takes_image(image));
      if (const auto source = item.effect->image()) treatment.push_back(*source == image);
    }
    all.push_back(std::move(treatment));
  }
  return all;
}

/** Every role of the run, with the images that have rows of it. */
std::map<Role, std::set<int>> roles(const StepInputs& steps) {
  std::map<Role, std::set<int>> all;
  for (size_t i = 0; i < steps.prompts.size(); ++i)
    for (const Role role : {kNegative, kPrompt}) all[role].insert(static_cast<int>(i));
  for (const auto& plan : steps.plans)
    for (const auto& row : plan.further) all[row.role].insert(row.images.begin(), row.images.end());
  return all;
}

RowClasses classify_rows(const std::vector<Placed>& placed, const StepInputs& steps) {
  RowClasses classes;
  const auto treatment = treatments(placed, steps);
  std::map<std::pair<Role, std::vector<int>>, int> known;
  for (const auto& [role, images] : roles(steps)) {
    classes.of_image.resize(static_cast<size_t>(role) + 1);
    auto& of_image = classes.of_image.back();
    of_image.assign(treatment.size(), -1);
    for (const int image : images) {
      const auto [place, fresh] =
          known.emplace(std::pair{role, treatment[image]}, static_cast<int>(classes.examples.size()));
      if (fresh) classes.examples.push_back({image, role});
      of_image[image] = place->second;
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
  const bool shares = std::all_of(draft.share.values.begin(), draft.share.values.end(), fits);
  if (!gains || !shares || !bias || !(static_cast<float>(draft.temperature) > 0))
    fail(ErrorCode::invalid_request, "controls",
         "their strengths, gains, scales or temperatures multiply to numbers that are too large; use smaller ones");
}

/** The part of a row at a layer that a control acts on. */
Part part_of(const Placed& item, const Site& site, double strength, LiveAt moment, Context& context) {
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
  auto mask = context.tables.masks.at(*item.control->region, context.grid_of(site), item.path, moment);
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
        rows_(classify_rows(placed, steps)),
        sites_(classify_sites(context, placed)),
        live_(std::any_of(placed.begin(), placed.end(), has_live_region)) {}

  Composition operator()() {
    const auto calls = static_cast<int>(context_.inputs.calls.size());
    auto& table = made_.table;
    made_.outcomes.resize(placed_.size());
    table.moments.assign(sites_.examples.size(), std::vector<int>(calls, PlanTable::kNotMade));
    for (size_t c = 0; c < sites_.examples.size(); ++c) {
      std::map<std::vector<int>, int> known;
      for (int call = 0; call < calls; ++call) {
        if (!asked(call)) continue;
        const auto [place, fresh] = known.emplace(signature(c, call), static_cast<int>(table.plans.size()));
        if (fresh) table.plans.push_back(plan(c, call));
        table.moments[c][call] = place->second;
      }
    }
    table.class_of_site = std::move(sites_.of_site);
    table.row_classes = std::move(rows_.of_image);
    for (size_t i = 0; i < placed_.size(); ++i)
      if (placed_[i].role) made_.outcomes[i].matched = true;  // where its rows count for nothing there are none
    return std::move(made_);
  }

 private:
  /** Calls of the same one have the same plans at the layers of a class. */
  std::vector<int> signature(size_t site_class, int call) {
    std::vector<int> key{steps_.plans[call].guided, steps_.negative[call],
                         context_.tables.texts.at(0, context_.inputs.calls[call].index)};
    for (const auto& row : steps_.plans[call].further) key.push_back(-1 - row.role), key.push_back(row.text);
    if (live_) key.push_back(first_step(call));
    const auto& controls = sites_.controls[site_class];
    for (const int i : controls)
      if (placed_[i].numbers_at[call] >= 0) key.push_back(i), key.push_back(placed_[i].numbers_at[call]);
    context_.budget.spend(controls.size() + 1);
    return key;
  }

  bool asked(int call) const {
    const auto& step = context_.options.only_step;
    return !step || context_.inputs.calls[call].index == *step;
  }
  bool first_step(int call) const { return context_.inputs.calls[call].index == context_.inputs.calls.front().index; }

  /** What a row of this call reads of the prompt and its likes, by internal number; nothing: it has no such row. */
  std::optional<int> text_of(const Row& row, int call) {
    if (row.role == kNegative) return steps_.plans[call].guided ? std::optional(steps_.negative[call]) : std::nullopt;
    if (row.role == kPrompt) return prompts_at(steps_, call)[row.image];
    for (const auto& further : steps_.plans[call].further)
      if (further.role == row.role)
        return further.kind == FurtherRow::Kind::perturbed ? prompts_at(steps_, call)[row.image]
                                                           : context_.tables.texts.number(further.text);
    return std::nullopt;
  }

  PlanTable::Plan plan(size_t site_class, int call) {
    PlanTable::Plan plan;
    std::set<int> acting;
    for (const auto& row : rows_.examples) {
      const auto text = text_of(row, call);
      if (!text) {
        plan.rows.push_back(-1);
        continue;
      }
      auto made = published(mix(site_class, call, row, *text, acting));
      for (const auto& reading : made.readings) plan.joins_images |= joins(reading);
      plan.rows.push_back(static_cast<int>(made_.table.row_plans.size()));
      made_.table.row_plans.push_back(std::move(made));
    }
    for (const int i : acting)
      if (placed_[i].index >= 0) plan.acting.push_back(placed_[i].index);
    return plan;
  }

  static bool joins(const Reading& reading) {
    const auto image = [](const Source& source) { return source.kind == Source::Kind::image; };
    return (reading.query && image(*reading.query)) || (reading.align && image(*reading.align)) ||
           std::any_of(reading.sources.begin(), reading.sources.end(), image) ||
           std::any_of(reading.values.begin(), reading.values.end(), image);
  }

  Mix mix(size_t site_class, int call, const Row& row, int text, std::set<int>& acting) {
    const auto& site = *sites_.examples[site_class];
    const Source own = site.cross ? Source{Source::Kind::text, text} : Source{Source::Kind::own, 0};
    Mix mix(Draft{.sources = {own}}, context_.options.elide, context_.budget);
    // Pictures are read beside what the text has become; a user's functions compute all that. What perturbs a row comes
    // behind all that its prompt's row has, too; other weights read all that is read.
    const auto turn = [](const Placed& item) {
      return item.last ? 4 : item.role ? 3 : !item.control ? 2 : item.effect->behind() ? 1 : 0;
    };
    for (const int now : {0, 1, 2, 3, 4})
      for (const int i : sites_.controls[site_class])
        if (turn(placed_[i]) == now) act(i, mix, site, call, row, acting);
    return mix;
  }

  void act(int i, Mix& mix, const Site& site, int call, const Row& row, std::set<int>& acting) {
    const auto& item = placed_[i];
    auto& outcome = made_.outcomes[i];
    if (item.numbers_at[call] < 0 || !item.takes_role(row.role) || !item.takes_image(row.image)) return;
    const auto& numbers = item.numbers[item.numbers_at[call]];
    const auto part = part_of(item, site, item.role ? 1 : numbers[0], {row.image, first_step(call)}, context_);
    const auto before = mix;
    const auto grid = context_.grid_of(site);
    const bool matched =
        item.effect->apply(mix, {grid, site.cross, row, numbers, part, context_.tables, prompts_at(steps_, call),
                                 outcome.texts, outcome.cut, first_step(call)});
    outcome.matched |= matched;
    if (!matched && site.cross && !outcome.matched)
      for (const auto& draft : before.readings())
        if (draft.says().kind == Source::Kind::text) outcome.tried.insert(draft.says().id);
    if (mix == before) return;
    outcome.changed = true;
    acting.insert(i);
  }

  TextId publish(int text) { return context_.tables.texts.publish(text); }
  Source published(Source source) {
    if (source.kind == Source::Kind::text) source.id = publish(source.id);
    return source;
  }

  PlanTable::RowPlan published(const Mix& mix) {
    PlanTable::RowPlan made;
    for (const auto& draft : mix.readings()) made.readings.push_back(published(draft));
    for (const auto& draft : mix.finishes()) made.finishes.push_back(published(draft));
    made.order = interner_(mix.order());
    return made;
  }

  Finish published(const FinishDraft& draft) {
    Finish finish{.against = {},
                  .scale = static_cast<float>(draft.scale),
                  .limit = static_cast<float>(draft.limit),
                  .share = interner_(draft.share.values)};
    for (const auto& reading : draft.against) finish.against.push_back(published(reading));
    return finish;
  }

  Reading published(const Draft& draft) {
    check_range(draft);
    Reading r;
    for (const auto& source : draft.sources) r.sources.push_back(published(source));
    for (const auto& source : draft.values) r.values.push_back(published(source));
    r.query = draft.query, r.align = draft.align, r.align_values = draft.align_values;
    if (draft.blur)
      r.blur = Blur{interner_(draft.blur->down), interner_(draft.blur->across), draft.blur->down_rows,
                    draft.blur->across_rows};
    if (!draft.share.is(1) || !context_.options.elide) {
      r.share = interner_(draft.share.values);
      r.share_heads = draft.share.heads, r.share_pixels = draft.share.pixels;
    }
    r.bias = interner_(draft.bias);
    r.key_gain = interner_(draft.key_gain);
    r.value_gain = interner_(draft.value_gain);
    r.map = interner_(draft.map);
    r.temperature = static_cast<float>(draft.temperature);
    r.function = draft.function;
    r.identity = draft.identity, r.added = draft.added, r.beside = draft.beside;
    return r;
  }

  Context& context_;
  const StepInputs& steps_;
  const std::vector<Placed>& placed_;
  RowClasses rows_;
  SiteClasses sites_;
  bool live_;  ///< Some region is another one behind the first step.
  Interner interner_;
  Composition made_;
};

}  // namespace

Composition compose(Context& context, const StepInputs& steps, const std::vector<Placed>& placed) {
  return Composer(context, steps, placed)();
}

}  // namespace corepulse::control
