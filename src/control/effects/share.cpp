// share: looks at another image of the batch, or at a recorded run.
#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "base/names.h"
#include "control/effects/pixel_edit.h"
#include "control/quote.h"

namespace corepulse::control {
namespace {

class ShareEffect : public AttentionEffect {
 public:
  ShareEffect(const Share& control, Source source) : control_(control), source_(source) {}

  AttentionKind attention() const override { return AttentionKind::self; }
  std::vector<double> numbers(double p) const override { return {control_.strength.at(p)}; }
  bool apply(Mix& mix, const Moment& m) const override {
    // The image that is looked at goes its own way.
    if (source_.kind == Source::Kind::image && source_.id == m.image) return false;
    if (control_.how == Share::How::instead) {
      mix.append({{.sources = {source_}, .share = m.part}}, m.part);
      return true;
    }
    mix.edit(m.part, [&](Draft& draft) {
      draft.sources.push_back(source_);
      const auto keys = static_cast<size_t>(m.grid.tokens()) * draft.sources.size();
      if (!draft.bias.empty()) draft.bias.resize(keys, 0);
      if (!draft.key_gain.empty()) draft.key_gain.resize(keys, 1);
      if (!draft.value_gain.empty()) draft.value_gain.resize(keys, 1);
      return true;
    });
    return true;
  }
  std::string never(const std::string&) const override {
    return fmt::format("image {} would look at itself; expected other images in the batch", source_.id);
  }
  std::string neutral() const override { return "the strength is 0"; }

 private:
  const Share& control_;
  Source source_;
};

class FunctionEffect : public AttentionEffect {
 public:
  FunctionEffect(const FunctionUse& use, int index) : use_(use), index_(index) {}
  AttentionKind attention() const override { return use_.attention; }
  std::vector<double> numbers(double) const override { return {1}; }
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

EffectPointer make_effect(const Share& control, Mode, Tables& tables, const std::string& path) {
  if (control.image) return std::make_unique<ShareEffect>(control, Source{Source::Kind::image, *control.image});
  std::vector<std::string> names;
  for (const auto& recording : tables.recordings) names.push_back(recording.name);
  const auto found = std::find(names.begin(), names.end(), control.recording);
  if (found == names.end())
    fail(ErrorCode::invalid_request, path + ".recording",
         fmt::format("no recording {} is loaded; {}", quote(control.recording), choices(control.recording, names)));
  const int index = static_cast<int>(found - names.begin());
  return std::make_unique<ShareEffect>(control, Source{Source::Kind::recording, index});
}

EffectPointer make_effect(const FunctionUse& use, Tables& tables) {
  return std::make_unique<FunctionEffect>(use, tables.function({.name = use.name}));
}

int Tables::function(const FunctionSpec& spec) {
  const auto found = std::find(functions.begin(), functions.end(), spec);
  if (found == functions.end()) return functions.push_back(spec), static_cast<int>(functions.size()) - 1;
  return static_cast<int>(found - functions.begin());
}

}  // namespace corepulse::control
