// regions: each region reads its own prompt; where there is none, what was read before.
#include <algorithm>
#include <fmt/format.h>

#include "control/effects/effect.h"

namespace corepulse::control {
namespace {

class RegionsEffect : public AttentionEffect {
 public:
  RegionsEffect(const Regions& control, Tables& tables, std::string path) : control_(control), path_(std::move(path)) {
    for (const auto& prompt : control.prompts) texts_.push_back(tables.texts.add(prompt.prompt));
  }

  std::vector<double> numbers(double p) const override { return {control_.strength.at(p), control_.base_share.at(p)}; }
  std::vector<std::pair<const Region*, std::string>> regions() const override {
    std::vector<std::pair<const Region*, std::string>> all;
    for (size_t i = 0; i < texts_.size(); ++i)
      all.emplace_back(&control_.prompts[i].region, fmt::format(".prompts[{}].region", i));
    return all;
  }
  bool apply(Mix& mix, const Moment& m) const override {
    std::vector<Part> masks;
    for (const auto& [region, path] : regions()) masks.push_back(m.tables.masks.at(*region, m.grid, path_ + path));
    Part sum = masks[0];
    for (size_t i = 1; i < masks.size(); ++i) sum = sum + masks[i];
    Part all = m.part;
    for (auto& v : all.values) v *= 1 - m.numbers[1];
    // Where regions overlap they divide the pixel among them.
    Part divide = sum, covered = sum;
    for (auto& v : divide.values) v = 1 / std::max(1.0, v);
    for (auto& v : covered.values) v = std::min(1.0, v);
    std::vector<Draft> readings;
    for (size_t i = 0; i < masks.size(); ++i)
      readings.push_back({.sources = {{Source::Kind::text, texts_[i]}}, .share = masks[i] * divide * all});
    mix.append(readings, covered * all);
    return true;
  }
  std::string neutral() const override { return "all its prompts are what is read there already"; }

 private:
  const Regions& control_;
  std::string path_;
  std::vector<int> texts_;
};

}  // namespace

EffectPointer make_effect(const Regions& control, Mode, Tables& tables, const std::string& path) {
  return std::make_unique<RegionsEffect>(control, tables, path);
}

}  // namespace corepulse::control
