#pragma once
// Numbers per pixel for the keys of self-attention.

#include "control/readings/effect.h"

namespace corepulse::control {

/** An edit of how pixels look at a target region. */
class TargetEdit : public AttentionEffect {
 public:
  /** @param target absent: everywhere. */
  TargetEdit(const std::optional<Region>& target, std::vector<const Curve*> curves, std::string path)
      : AttentionEffect(std::move(curves)), path_(std::move(path)), target_(target) {}

  AttentionKind attention() const override { return AttentionKind::self; }
  std::vector<std::pair<const Region*, std::string>> regions() const override {
    if (!target_) return {};
    return {{&*target_, ".target"}};
  }

 protected:
  /** The target's mask, a number per pixel. */
  std::vector<double> target(const Moment& m) const {
    if (!target_) return std::vector<double>(m.grid.tokens(), 1);
    const auto& mask = m.tables.masks.at(*target_, m.grid, path_ + ".target", m.live_at());
    return mask.pixels == 1 ? std::vector<double>(m.grid.tokens(), mask.values[0]) : mask.values;
  }
  const std::optional<Region>& target_region() const { return target_; }
  std::string path_;

 private:
  const std::optional<Region>& target_;
};

/** The same number for each source's key at a pixel: all sources of a reading have one grid. */
inline std::vector<double> per_key(std::vector<double> numbers, const Draft& draft) {
  const auto pixels = numbers.size();
  numbers.reserve(pixels * draft.sources.size());
  for (size_t i = pixels; i < pixels * draft.sources.size(); ++i) numbers.push_back(numbers[i - pixels]);
  return numbers;
}

}  // namespace corepulse::control
