// regions: each region reads its own prompt; where there is none, what was read before.
#include <algorithm>
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {

constexpr const char* what(Type<RegionPrompt>) {
  return "a prompt of regions";
}
template <class V>
void fields(V& v, Type<RegionPrompt>) {
  v.required("prompt", &RegionPrompt::prompt);
  v.required("region", &RegionPrompt::region);
}

namespace {

class RegionsEffect : public AttentionEffect {
 public:
  RegionsEffect(const Regions& e, Tables& tables, std::string path)
      : AttentionEffect({&e.strength, &e.base_share}), regions_(e), path_(std::move(path)) {
    for (const auto& prompt : e.prompts) texts_.push_back(tables.texts.add(prompt.prompt));
  }

  std::vector<std::pair<const Region*, std::string>> regions() const override {
    std::vector<std::pair<const Region*, std::string>> all;
    for (size_t i = 0; i < texts_.size(); ++i)
      all.emplace_back(&regions_.prompts[i].region, fmt::format(".prompts[{}].region", i));
    return all;
  }
  bool apply(Mix& mix, const Moment& m) const override {
    std::vector<Part> masks;
    for (const auto& [region, path] : regions())
      masks.push_back(m.tables.masks.at(*region, m.grid, path_ + path, m.live_at()));
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
  const Regions& regions_;
  std::string path_;
  std::vector<int> texts_;
};

struct RegionsKind {
  using Struct = Regions;
  static constexpr const char* name = "regions";
  static constexpr ShortForm short_forms[] = {{"region", parse_region_prompt}};

  template <class V>
  static void fields(V& v) {
    v.required("prompts", &Regions::prompts);
    v("base_share", &Regions::base_share);
    v("strength", &Regions::strength);
  }
  static void check(const Regions& e, const corepulse::Control&, const std::string& path) {
    if (e.prompts.empty()) refuse(path + ".prompts", "an empty list; expected at least one prompt");
    check_curve(e.base_share, Range::share, path + ".base_share");
  }
  static std::string subject(const Regions& e) {
    std::string list;
    for (const auto& prompt : e.prompts) list += (list.empty() ? "" : ", ") + quote(prompt.prompt);
    return list;
  }
  static EffectPointer attention(const Regions& e, Mode, Tables& tables, const std::string& path) {
    return std::make_unique<RegionsEffect>(e, tables, path);
  }
};

}  // namespace

template <>
const Kind& kind<Regions>() {
  return described<RegionsKind>();
}

}  // namespace control

Control regions(std::vector<RegionPrompt> prompts, Curve base_share) {
  return {.effect = Regions{std::move(prompts), std::move(base_share)}};
}

Control parse_region_prompt(std::string_view text) {
  constexpr const char* kForm = "PROMPT @ REGION, e.g. a red car @ left half";
  const auto [subject, items] = control::split("region", text, kForm);
  control::Scanner scanner("region", text, items);
  if (scanner.done()) scanner.refuse(kForm);
  auto made = regions({{control::trimmed(subject), scanner.region()}});
  if (scanner.take(","))
    control::take_items(scanner, made);
  else if (!scanner.done())
    scanner.refuse("feather, blur, px, or + - * and another region, or a comma and an item such as sigma 15..0");
  return made;
}

}  // namespace corepulse
