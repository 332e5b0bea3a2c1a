// Composing: for every layer, call and row, the controls act in list order.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <limits>

#include "base/fail.h"
#include "control/program/resolver.h"

namespace corepulse::control {
namespace {

constexpr size_t kMostStored = 128u << 20;  // numbers in all plans together: 512 MB

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

}  // namespace

Values Interner::operator()(const std::vector<double>& numbers) {
  if (numbers.empty()) return nullptr;
  std::vector<float> floats(numbers.begin(), numbers.end());
  const std::string_view bytes(reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float));
  auto& same = known_[std::hash<std::string_view>()(bytes)];
  for (const auto& values : same)
    if (values->size() == floats.size() && std::memcmp(values->data(), floats.data(), bytes.size()) == 0) return values;
  if ((stored_ += floats.size()) > kMostStored)
    fail(ErrorCode::invalid_request, "controls",
         "their shares take too much memory; use fewer soft regions, curves or pixels");
  same.push_back(std::make_shared<const std::vector<float>>(std::move(floats)));
  return same.back();
}

void Resolver::classify_rows() {
  for (const bool conditional : {false, true}) {
    std::map<std::vector<bool>, int> known;
    auto& classes = data_->row_classes[conditional];
    for (int image = 0; image < inputs_.batch; ++image) {
      std::vector<bool> treatment;
      for (const auto& item : placed_) {
        if (!item.control) continue;
        const auto* share = std::get_if<Share>(&item.control->effect);
        if (!item.control->images.empty()) treatment.push_back(item.takes_image(image));
        if (share && share->image) treatment.push_back(*share->image == image);
      }
      const auto [place, fresh] = known.emplace(treatment, static_cast<int>(known.size()));
      if (fresh) row_images_[conditional].push_back(image);
      // Row classes of both roles are numbered through.
      const int offset = conditional ? static_cast<int>(row_images_[0].size()) : 0;
      classes.push_back(offset + place->second);
    }
  }
}

void Resolver::classify_sites() {
  struct Key {
    bool cross;
    int height, width, heads;
    std::vector<int> controls;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, int> known;
  for (const auto& site : inputs_.sites) {
    const auto g = site_table_.grid_of(site);
    Key key{site.cross, g.height, g.width, site.heads, {}};
    for (size_t i = 0; i < placed_.size(); ++i)
      if (placed_[i].sites[site.index]) key.controls.push_back(static_cast<int>(i));
    budget_.spend(placed_.size());
    const auto [place, fresh] = known.emplace(key, static_cast<int>(known.size()));
    if (fresh) site_controls_.push_back(key.controls);
    data_->class_of_site.push_back(place->second);
  }
}

std::vector<int> Resolver::signature(int site_class, int call) {
  std::vector<int> key{guided(call), negative_[call]};
  for (const int i : site_controls_[site_class])
    if (placed_[i].numbers_at[call] >= 0) {
      key.push_back(i);
      key.push_back(placed_[i].numbers_at[call]);
    }
  budget_.spend(site_controls_[site_class].size() + 1);
  return key;
}

void Resolver::compose_all() {
  const auto calls = static_cast<int>(inputs_.calls.size());
  data_->moments.assign(site_controls_.size(), std::vector<int>(calls));
  std::vector<const Site*> examples(site_controls_.size());
  for (const auto& site : inputs_.sites) examples[data_->class_of_site[site.index]] = &site;
  for (size_t c = 0; c < examples.size(); ++c) {
    std::map<std::vector<int>, int> known;
    for (int call = 0; call < calls; ++call) {
      const auto [place, fresh] = known.emplace(signature(static_cast<int>(c), call), 0);
      if (fresh) place->second = compose(*examples[c], call);
      data_->moments[c][call] = place->second;
      data_->steps[call].joins_images |= data_->plans[place->second].joins_images;
    }
  }
}

int Resolver::compose(const Site& site, int call) {
  Data::Plan plan;
  std::set<int> acting;
  for (const bool conditional : {false, true})
    for (const int image : row_images_[conditional]) {
      if (!conditional && !guided(call)) {
        plan.rows.push_back(-1);
        continue;
      }
      const auto drafts = compose_row(site, call, conditional, image, acting);
      plan.rows.push_back(publish(drafts));
      for (const auto& reading : data_->readings[plan.rows.back()])
        for (const auto& source : reading.sources) plan.joins_images |= source.kind == Source::Kind::image;
    }
  for (const int i : acting)
    if (placed_[i].index >= 0) plan.acting.push_back(placed_[i].index);
  data_->plans.push_back(std::move(plan));
  return static_cast<int>(data_->plans.size()) - 1;
}

std::vector<Draft> Resolver::compose_row(const Site& site, int call, bool conditional, int image,
                                         std::set<int>& acting) {
  const auto grid = site_table_.grid_of(site);
  const int text = conditional ? 0 : negative_[call];
  const Source own = site.cross ? Source{Source::Kind::text, text} : Source{Source::Kind::own, 0};
  Mix mix(Draft{.sources = {own}}, options_.elide, budget_);
  for (const int i : site_controls_[data_->class_of_site[site.index]]) {
    auto& item = placed_[i];
    if (item.numbers_at[call] < 0 || !item.takes_row(conditional) || !item.takes_image(image)) continue;
    const auto& numbers = item.numbers[item.numbers_at[call]];
    const auto part = part_of(item, site, numbers);
    const auto before = mix;
    const bool matched =
        item.effect->apply(mix, {grid, conditional, image, numbers, part, *tables_, item.texts, item.cut});
    item.matched |= matched;
    if (!matched && site.cross && !item.matched)
      for (const auto& draft : before.readings()) item.tried.insert(draft.sources[0].id);
    if (mix == before) continue;
    item.changed = true;
    acting.insert(i);
  }
  return mix.readings();
}

Part Resolver::part_of(const Placed& item, const Site& site, const std::vector<double>& numbers) {
  Part part;
  part.values[0] = numbers[0];
  if (!item.control) return part;
  if (!item.control->heads.empty()) {
    Part heads{site.heads, 1, std::vector<double>(site.heads, 0)};
    for (const int head : item.control->heads)
      if (head < site.heads) heads.values[head] = 1;
    heads.shrink();
    part = part * heads;
  }
  if (!item.control->region) return part;
  auto mask = tables_->masks.at(*item.control->region, site_table_.grid_of(site), item.path);
  if (item.effect->hard_regions()) {
    for (auto& v : mask.values) v = v > 0.5;
    mask.shrink();
  }
  return part * mask;
}

int Resolver::publish(const std::vector<Draft>& drafts) {
  std::vector<Reading> readings;
  for (const auto& draft : drafts) {
    check_range(draft);
    Reading r{.sources = draft.sources};
    for (auto& source : r.sources) {
      if (source.kind == Source::Kind::text) source.id = tables_->texts.publish(source.id);
    }
    if (!draft.share.is(1) || !options_.elide) {
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
  data_->readings.push_back(std::move(readings));
  return static_cast<int>(data_->readings.size()) - 1;
}

}  // namespace corepulse::control
