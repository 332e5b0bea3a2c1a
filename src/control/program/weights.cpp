#include "control/program/weights.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <set>

#include "base/fail.h"
#include "control/effects/lora_blocks.h"
#include "control/kind.h"
#include "control/program/window.h"
#include "control/quote.h"

namespace corepulse::control {
namespace {

using Paths = std::shared_ptr<const std::set<std::string>>;

/** More different strengths than so many are not merged again and again, where products beside the weights cost less.
 */
constexpr size_t kMostMerges = 2;

/** The first names of the blocks in which the adapter changes something. */
std::string blocks_of(const AdapterInfo& adapter, const std::vector<Site>& layers) {
  std::vector<std::string> names;
  for (const auto& layer : layers) {
    if (!adapter.layers.contains(layer.path)) continue;
    const auto name = layer.kind == BlockKind::none ? layer.path : block_name(layer);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  constexpr size_t kMost = 12;
  const bool more = names.size() > kMost;
  if (more) names.resize(kMost);
  return names.empty() ? "only text encoders" : fmt::format("{}{}", fmt::join(names, ", "), more ? ", ..." : "");
}

/** Of the layers that the control names, those that its file changes. */
std::vector<bool> changed_layers(const corepulse::Control& control, const AdapterInfo& adapter, const Context& context,
                                 const std::string& path) {
  const auto& layers = context.inputs.layers;
  auto chosen = select(context.layers, control.where, AttentionKind::both, path);
  for (size_t i = 0; i < layers.size(); ++i) chosen[i] = chosen[i] && adapter.layers.contains(layers[i].path);
  if (!control.where.empty() && std::find(chosen.begin(), chosen.end(), true) == chosen.end())
    fail(ErrorCode::invalid_request, path,
         fmt::format("the file changes no layer there; it changes {}", blocks_of(adapter, layers)));
  return chosen;
}

/** Time and size are embedded for all pixels at once: what changes there cannot be a region's. */
bool has_pixels(const Site& layer) {
  return !layer.path.starts_with("time_embedding.") && !layer.path.starts_with("add_embedding.");
}

/** Readings have keys and values as the control's changes make them, or read texts that its text encoders made. */
class WeightsEffect : public AttentionEffect {
 public:
  WeightsEffect(int control, int adapter, bool keys, bool texts)
      : AttentionEffect({}), control_(control), adapter_(adapter), keys_(keys), texts_(texts) {}

  bool apply(Mix& mix, const Moment& m) const override {
    const double text_strength = m.numbers[2];
    const bool keys = keys_ && m.numbers[1] != 0, texts = texts_ && text_strength != 0;
    if (!keys && !texts) return true;
    const auto read = [&](Source& source) {
      if (source.kind == Source::Kind::text)
        source.id = m.tables.texts.add_changed(
            source.id, {.adapter = adapter_, .text_strength = static_cast<float>(text_strength)});
    };
    mix.edit_all(m.part, [&](Draft& draft) {
      if (draft.sources[0].pictured()) return false;
      if (keys) draft.beside.push_back(control_);
      if (texts) std::for_each(draft.sources.begin(), draft.sources.end(), read);
      if (texts) std::for_each(draft.values.begin(), draft.values.end(), read);
      return true;
    });
    return true;
  }
  std::string neutral() const override { return "its strength is 0"; }

 private:
  int control_, adapter_;
  bool keys_, texts_;
};

/** Resolves one control that changes weights. */
class WeightControl {
 public:
  WeightControl(int index, Context& context, StepInputs& steps)
      : index_(index),
        control_(context.controls[static_cast<size_t>(index)]),
        path_(context.path_of(index)),
        context_(context),
        in_(context.inputs),
        steps_(steps),
        report_(steps.reports[static_cast<size_t>(index)]),
        use_(kind_of(control_.effect).weights(control_, in_, path_)),
        adapter_(in_.adapters[static_cast<size_t>(use_.adapter)]) {}

  std::vector<Placed> operator()() {
    report_.layers = changed_layers(control_, adapter_, context_, path_ + ".where");
    active_ = active_calls(control_.when, in_.calls, path_ + ".when");
    context_.budget.spend(active_.size() + in_.layers.size());
    divide();
    choose_form();
    report_.calls.assign(active_.size(), false);
    for (size_t call = 0; call < active_.size(); ++call)
      if (active_[call] && has_rows(call)) change(call);
    const bool acts = std::find(report_.calls.begin(), report_.calls.end(), true) != report_.calls.end();
    report_.state = acts ? ControlReport::State::acts : ControlReport::State::neutral;
    if (!acts) report_.reason = "its strength is 0";
    return acts && !region_.empty() ? placed() : std::vector<Placed>();
  }

 private:
  /** Layers whose strength is multiplied by the same number. */
  struct Portion {
    float factor = 1;
    Paths layers;
  };

  void divide() {
    const auto& blocks = *use_.blocks;
    if (!blocks.empty()) text_factor_ = blocks[0];
    if (blocks.empty() && control_.where.empty()) {
      portions_.push_back({});
      return;
    }
    std::map<double, std::set<std::string>> by_factor;
    for (size_t i = 0; i < in_.layers.size(); ++i) {
      if (!report_.layers[i]) continue;
      const double factor = blocks.empty() ? 1 : block_strength(in_.layers[i], blocks);
      report_.layers[i] = factor != 0;
      if (factor != 0) by_factor[factor].insert(in_.layers[i].path);
    }
    for (auto& [factor, layers] : by_factor)
      portions_.push_back(
          {static_cast<float>(factor), std::make_shared<const std::set<std::string>>(std::move(layers))});
  }

  /** In the weights, if it is everywhere and does not change all the time; else beside them. */
  void choose_form() {
    count_ = static_cast<int>(std::count(report_.layers.begin(), report_.layers.end(), true));
    std::vector<Grid> grids;
    for (size_t i = 0; i < in_.layers.size(); ++i) add(grids, context_.layers.grid_of(in_.layers[i]));
    const bool regional = control_.region && !covers(grids);
    if (!regional && !(adapter_.rank > 0 && strengths() > kMostMerges && all_have_pixels())) return;
    if (regional) check_region();
    for (const auto& grid : grids) region_.push_back(values(grid));
    second_texts_ = regional;
    report_.beside = true, report_.rank = adapter_.rank;
  }

  static void add(std::vector<Grid>& grids, const Grid& grid) {
    const auto same = [&](const Grid& g) { return g.height == grid.height && g.width == grid.width; };
    if (std::none_of(grids.begin(), grids.end(), same)) grids.push_back(grid);
  }

  /** The region is the whole picture. */
  bool covers(const std::vector<Grid>& grids) {
    return context_.options.elide && std::all_of(grids.begin(), grids.end(), [&](const Grid& grid) {
             return context_.tables.masks.at(*control_.region, grid, path_ + ".region").is(1);
           });
  }

  bool all_have_pixels() const {
    for (size_t i = 0; i < in_.layers.size(); ++i)
      if (report_.layers[i] && !has_pixels(in_.layers[i])) return false;
    return true;
  }

  /** How many there would be in the whole run: windows that meet are one, and take one form. */
  size_t strengths() const {
    std::set<double> different;
    for (const auto& call : in_.calls) different.insert(use_.strength->at(call.progress));
    different.erase(0);
    return different.size();
  }

  void check_region() {
    std::vector<Grid> grids;
    for (size_t i = 0; i < in_.layers.size(); ++i)
      if (report_.layers[i]) add(grids, context_.layers.grid_of(in_.layers[i]));
    for (const auto& site : in_.sites)
      if (site.cross && use_.text_strength && adapter_.texts) add(grids, context_.grid_of(site));
    context_.tables.masks.require_some(*control_.region, grids, path_ + ".region");
    for (size_t i = 0; i < in_.layers.size(); ++i) {
      if (!report_.layers[i] || has_pixels(in_.layers[i])) continue;
      refuse(path_ + ".region",
             fmt::format("the file changes {}, which is the same for all pixels; name the layers that it is to change: "
                         "\"where\": \"input, middle, output\"",
                         in_.layers[i].path));
    }
    for (const auto& grid : grids) {
      const auto& mask = context_.tables.masks.at(*control_.region, grid, path_ + ".region");
      ControlReport::Cells cells{.grid = grid, .of = ""};
      for (int i = 0; i < grid.tokens(); ++i) {
        const double v = mask.values[mask.pixels > 1 ? i : 0];
        cells.touched += v > 0, cells.whole += v == 1, cells.mean += v / grid.tokens();
      }
      report_.region.push_back(cells);
    }
  }

  /** Of every token of a grid, how much of the change it has. */
  Values values(const Grid& grid) {
    std::vector<float> all(static_cast<size_t>(grid.tokens()), 1);
    if (!control_.region) return std::make_shared<const std::vector<float>>(std::move(all));
    const auto& mask = context_.tables.masks.at(*control_.region, grid, path_ + ".region");
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<float>(mask.values[mask.pixels > 1 ? i : 0]);
    context_.budget.spend(all.size());
    return std::make_shared<const std::vector<float>>(std::move(all));
  }

  double text_strength(size_t call) const {
    if (!use_.text_strength || !adapter_.texts) return 0;
    return text_factor_ * use_.text_strength->at(in_.calls[call].progress);
  }

  /** Without guidance no row reads the negative prompt. */
  bool has_rows(size_t call) const { return control_.rows != Rows::uncond || steps_.plans[call].guided; }

  void change(size_t call) {
    const double strength = count_ > 0 ? use_.strength->at(in_.calls[call].progress) : 0;
    const auto text = static_cast<float>(text_strength(call));
    bool unet = false;
    for (const auto& portion : portions_) {
      WeightChange change{.adapter = use_.adapter,
                          .strength = static_cast<float>(strength * portion.factor),
                          .layers = portion.layers,
                          .region = region_,
                          .control = index_};
      require_number(change.strength);
      unet |= change.strength != 0;
      if (region_.empty() && &portion == &portions_.front()) change.text_strength = text;
      if (change.strength != 0 || change.text_strength != 0) push(call, std::move(change));
    }
    require_number(text);
    const bool texts_alone = portions_.empty() || !region_.empty();
    if (text != 0 && texts_alone && !second_texts_)
      push(call, {.adapter = use_.adapter,
                  .text_strength = text,
                  .layers = std::make_shared<std::set<std::string>>(),
                  .control = index_});
    if (!unet && text == 0) return;
    report_.calls[call] = true;
    report_.texts |= text != 0;
    if (unet) report_.pairs += count_;
  }

  void require_number(float number) const {
    if (!std::isfinite(number))
      fail(ErrorCode::invalid_request, path_ + ".strength", "is beyond the numbers of float32; expected a smaller one");
  }

  void push(size_t call, WeightChange change) {
    const auto rows = control_.rows.value_or(Rows::both);
    steps_.plans[call].weights.push_back(
        {std::move(change), rows != Rows::cond, rows != Rows::uncond, control_.images});
  }

  /** What attention layers read: those whose keys or values change, and those that read another text. */
  std::vector<Placed> placed() {
    std::vector<bool> keys, texts;
    for (const auto& site : in_.sites) {
      keys.push_back(changes(site.path + ".to_k") || changes(site.path + ".to_v"));
      texts.push_back(site.cross && second_texts_ && report_.texts);
    }
    std::vector<Placed> all;
    for (const auto& [with_keys, with_texts] :
         std::vector<std::pair<bool, bool>>{{true, false}, {false, true}, {true, true}}) {
      Placed item = placed(with_keys, with_texts);
      for (size_t i = 0; i < keys.size(); ++i) item.sites.push_back(keys[i] == with_keys && texts[i] == with_texts);
      if (std::find(item.sites.begin(), item.sites.end(), true) != item.sites.end()) all.push_back(std::move(item));
    }
    return all;
  }

  bool changes(const std::string& layer) const {
    for (size_t i = 0; i < in_.layers.size(); ++i)
      if (in_.layers[i].path == layer) return report_.layers[i];
    return false;
  }

  Placed placed(bool keys, bool texts) {
    Placed item{.control = &control_,
                .path = path_,
                .effect = std::make_unique<WeightsEffect>(index_, use_.adapter, keys, texts),
                .rows = control_.rows.value_or(Rows::both),
                .last = true};
    item.calls = report_.calls;
    item.numbers_at.assign(active_.size(), -1);
    std::map<std::vector<double>, int> known;
    for (size_t call = 0; call < active_.size(); ++call) {
      if (!item.calls[call]) continue;
      const bool changes = count_ > 0 && use_.strength->at(in_.calls[call].progress) != 0;
      const std::vector<double> numbers{1, changes ? 1. : 0., text_strength(call)};
      const auto [place, fresh] = known.emplace(numbers, static_cast<int>(item.numbers.size()));
      if (fresh) item.numbers.push_back(numbers);
      item.numbers_at[call] = place->second;
    }
    return item;
  }

  int index_;
  const corepulse::Control& control_;
  std::string path_;
  Context& context_;
  const ProgramInputs& in_;
  StepInputs& steps_;
  ControlReport& report_;
  WeightUse use_;
  const AdapterInfo& adapter_;
  std::vector<bool> active_;
  std::vector<Portion> portions_;
  double text_factor_ = 1;
  int count_ = 0;               ///< Layers of the UNet.
  std::vector<Values> region_;  ///< Empty: it is merged.
  bool second_texts_ = false;   ///< Its text encoders make texts of their own, which a part of the picture reads.
};

}  // namespace

std::vector<Placed> change_weights(int index, Context& context, StepInputs& steps) {
  return WeightControl(index, context, steps)();
}

}  // namespace corepulse::control
