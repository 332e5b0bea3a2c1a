#include "pipeline/capture/heat_maps.h"

#include <algorithm>

#include "control/program/besides/live.h"
#include "control/program/program_data.h"
#include "pipeline/picture/resample.h"

namespace corepulse::pipeline {
namespace {

constexpr int kLive = -1;  // in place of a number among those of a name

bool among(const std::vector<int>& chosen, int i) {
  return chosen.empty() || std::find(chosen.begin(), chosen.end(), i) != chosen.end();
}

}  // namespace

HeatMaps::HeatMaps(const control::Timeline& control, int latent_height, int latent_width, HeatMaps* with)
    : control_(control),
      latent_height_(latent_height),
      latent_width_(latent_width),
      seen_(with ? with->seen_ : std::make_shared<Seen>()) {
  for (const auto& [step, program] : control.programs()) enter(program);
}

void HeatMaps::enter(const control::Program& program) {
  auto& [keys, entries] = *seen_;
  std::map<std::string, int> named;
  for (const auto& spec : program.captures()) {
    const bool live = !spec.live.empty();
    const Key key = live ? Key{spec.live, kLive} : Key{spec.name, named[spec.name]++};
    const auto known = std::find(keys.begin(), keys.end(), key);
    const auto place = static_cast<size_t>(known - keys.begin());
    if (known == keys.end()) keys.push_back(key), entries.emplace_back();
    entry_of_[&spec] = place;
    entries[place].live = live;
    auto& finest = entries[place].grid;
    for (const auto& site : program.data().sites) {
      const auto g = control::grid(site, latent_height_, latent_width_);
      if (spec.sites[site.index] && g.tokens() > finest.tokens()) finest = g;
    }
  }
}

const control::CaptureSpec& HeatMaps::spec(int capture, const control::Step& step) const {
  return control_.at(step.index).captures().at(capture);
}

std::optional<attention::Watch> HeatMaps::watch(int capture, const control::Step& step, const control::Row& row) const {
  const auto& s = spec(capture, step);
  const bool role =
      row.role <= control::kPrompt && (s.rows == Rows::both || (s.rows == Rows::cond) == row.conditional());
  if (s.what != Capture::What::map || !role || !among(s.images, row.image)) return std::nullopt;
  return attention::Watch{s.positions, s.heads};
}

void HeatMaps::record(int capture, const control::Step& step, const control::Row& row, const control::Site& site,
                      const std::vector<double>& map) {
  auto& entry = seen_->entries[entry_of_.at(&spec(capture, step))];
  auto& mean = entry.images[row.image];
  const auto fine = resample_area(map, control::grid(site, latent_height_, latent_width_), entry.grid);
  mean.sum.resize(fine.size());
  for (size_t i = 0; i < fine.size(); ++i) mean.sum[i] += fine[i];
  ++mean.calls;
}

std::optional<control::LookedAt> HeatMaps::so_far(const Region& region, int image) const {
  const auto& [keys, entries] = *seen_;
  const auto known = std::find(keys.begin(), keys.end(), Key{control::live_name(region), kLive});
  if (known == keys.end()) return std::nullopt;
  const auto& entry = entries[static_cast<size_t>(known - keys.begin())];
  const auto seen = entry.images.find(image);
  if (seen == entry.images.end()) return std::nullopt;
  return control::LookedAt{entry.grid.height, entry.grid.width, seen->second.sum};
}

std::vector<HeatMap> HeatMaps::maps() const {
  const auto& [keys, entries] = *seen_;
  std::vector<HeatMap> maps;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].live) continue;
    for (const auto& [image, mean] : entries[i].images) {
      HeatMap map{keys[i].first, image, entries[i].grid.width, entries[i].grid.height, {}, {}};
      for (const double sum : mean.sum) map.values.push_back(static_cast<float>(sum / mean.calls));
      maps.push_back(std::move(map));
    }
  }
  return maps;
}

}  // namespace corepulse::pipeline
