#include "control/readings/effect.h"

#include <algorithm>
#include <fmt/format.h>

namespace corepulse::control {
namespace {

class FunctionEffect : public AttentionEffect {
 public:
  FunctionEffect(const FunctionUse& use, int index) : AttentionEffect({&kWhole}), use_(use), index_(index) {}
  AttentionKind attention() const override { return use_.attention; }
  bool apply(Mix& mix, const Moment& m) const override {
    mix.edit(m.part, [&](Draft& draft) { return draft.function = index_, true; });
    return true;
  }
  std::string neutral() const override { return "another function replaces it"; }

 private:
  const FunctionUse& use_;
  int index_;
};

}  // namespace

const Curve kWhole = 1;

int Tables::function(const FunctionSpec& spec) {
  const auto found = std::find(functions.begin(), functions.end(), spec);
  if (found == functions.end()) return functions.push_back(spec), static_cast<int>(functions.size()) - 1;
  return static_cast<int>(found - functions.begin());
}

std::vector<double> AttentionEffect::numbers(double progress) const {
  std::vector<double> values;
  for (const auto* curve : curves_) values.push_back(curve->at(progress));
  return values;
}

std::string AttentionEffect::never(const std::string& texts) const {
  return fmt::format("there is nothing it can act on; read here: {}", texts);
}

EffectPointer function_effect(const FunctionUse& use, Tables& tables) {
  return std::make_unique<FunctionEffect>(use, tables.function({.name = use.name}));
}

}  // namespace corepulse::control
