// freeu: features count more or less where an up block puts what comes up and a skip together (FreeU, Si et al. 2023).
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<FreeU::Stages>() {
  static constexpr const char* kWords[] = {"blocks", "widths"};
  return kWords;
}

namespace {

constexpr const char* kGains = "four numbers, b1 b2 s1 s2: 1.3 1.4 0.9 0.2";

FreeU& freeu_of(corepulse::Control& c) {
  return std::get<FreeU>(c.effect);
}

int stage_of_block(const Joint& joint) {
  return joint.site.block < 2 ? joint.site.block : -1;
}

int stage_of_width(const Joint& joint) {
  return joint.width == 4 ? 0 : joint.width == 2 ? 1 : -1;
}

struct FreeUKind {
  using Struct = FreeU;
  static constexpr const char* name = "freeu";
  static constexpr CommonFields common{.heads = false, .region = false};
  static constexpr ShortForm short_forms[] = {{"freeu", parse_freeu}};
  static constexpr Item number_items[] = {
      {"version", [](Scanner& s, corepulse::Control& c) { freeu_of(c).version = s.whole_number(); }, "version"}};
  static constexpr Item word_items[] = {
      {"stages", [](Scanner& s, corepulse::Control& c) { freeu_of(c).stages = word_of<FreeU::Stages>(s); }, "stages"}};

  template <class V>
  static void fields(V& v) {
    v("b1", &FreeU::b1);
    v("b2", &FreeU::b2);
    v("s1", &FreeU::s1);
    v("s2", &FreeU::s2);
    v("version", &FreeU::version);
    v("stages", &FreeU::stages);
  }
  static void check(const FreeU& e, const corepulse::Control&, const std::string& path) {
    check_curve(e.b1, Range::any, path + ".b1");
    check_curve(e.b2, Range::any, path + ".b2");
    check_curve(e.s1, Range::any, path + ".s1");
    check_curve(e.s2, Range::any, path + ".s2");
    if (e.version != 1 && e.version != 2) refuse(path + ".version", fmt::format("{}; expected 1 or 2", e.version));
  }
  static FeatureUse features(const FreeU& e) {
    return {.backbone = {&e.b1, &e.b2},
            .skip = {&e.s1, &e.s2},
            .by_mean = e.version == 2,
            .stage = e.stages == FreeU::Stages::blocks ? stage_of_block : stage_of_width};
  }
};

}  // namespace

template <>
const Kind& kind<FreeU>() {
  return described<FreeUKind>();
}

}  // namespace control

Control freeu(FreeU numbers) {
  return {.effect = std::move(numbers)};
}

Control parse_freeu(std::string_view text) {
  const auto [subject, items] = control::split("freeu", text, control::kGains);
  control::Scanner scanner("freeu", subject);
  FreeU numbers;
  for (auto* number : {&numbers.b1, &numbers.b2, &numbers.s1, &numbers.s2}) {
    if (!scanner.at_number()) scanner.refuse(control::kGains);
    *number = scanner.number();
  }
  if (!scanner.done()) scanner.refuse("nothing more");
  return control::with_items(freeu(std::move(numbers)), "freeu", text, items);
}

}  // namespace corepulse
