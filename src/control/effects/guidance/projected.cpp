// projected_guidance: adaptive projected guidance (Sadat et al. 2024; Diffusers' AdaptiveProjectedGuidance). With d the
// difference c - u: d := d + momentum (the d of the call before); d := d min(1, limit / |d|); d := across + parallel
// along, where along is the part of d that lies along c; image by image.
#include <cmath>
#include <fmt/format.h>

#include "control/effects/guidance/shape.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<ProjectedGuidance::Of>() {
  static constexpr const char* kWords[] = {"prediction", "picture"};
  return kWords;
}

namespace {

struct ProjectedGuidanceKind {
  using Struct = ProjectedGuidance;
  static constexpr const char* name = "projected_guidance";
  static constexpr CommonFields common = kOfWholeCalls;
  static constexpr StepNeeds needs = kGuidedCalls;
  static constexpr ShortForm short_forms[] = {{"projected-guidance", parse_projected_guidance}};
  static constexpr Item number_items[] = {
      {"limit", take_curve<ProjectedGuidance, &ProjectedGuidance::limit>, "limit"},
      {"momentum", take_curve<ProjectedGuidance, &ProjectedGuidance::momentum>, "momentum"}};
  static constexpr Item word_items[] = {{"of",
                                         [](Scanner& s, corepulse::Control& c) {
                                           std::get<ProjectedGuidance>(c.effect).of = word_of<ProjectedGuidance::Of>(s);
                                         },
                                         "of"}};

  template <class V>
  static void fields(V& v) {
    v("parallel", &ProjectedGuidance::parallel);
    v("limit", &ProjectedGuidance::limit);
    v("momentum", &ProjectedGuidance::momentum);
    v("of", &ProjectedGuidance::of);
  }
  static void check(const ProjectedGuidance& e, const corepulse::Control&, const std::string& path) {
    check_curve(e.parallel, Range::any, path + ".parallel");
    check_curve(e.limit, Range::weight, path + ".limit");
    check_curve(e.momentum, Range::any, path + ".momentum");
    for (const auto& [progress, value] : e.momentum.points)
      if (!(std::abs(value) < 1))
        refuse(path + ".momentum", fmt::format("{}; expected more than -1 and less than 1", value));
  }
  static StepChange step(const ProjectedGuidance& e, TextTable&, const ProgramInputs&) {
    return [&e](StepPlan& plan, const Step& step) {
      const GuidanceShape::Projection now{e.parallel.at(step.progress), e.limit.at(step.progress),
                                          e.momentum.at(step.progress), e.of == ProjectedGuidance::Of::picture};
      plan.shape.projection.reset();
      if (now != GuidanceShape::Projection{.of_picture = now.of_picture}) plan.shape.projection = now;
    };
  }
};

}  // namespace

template <>
const Kind& kind<ProjectedGuidance>() {
  return described<ProjectedGuidanceKind>();
}

}  // namespace control

Control projected_guidance(ProjectedGuidance numbers) {
  return {.effect = std::move(numbers)};
}

Control parse_projected_guidance(std::string_view text) {
  return control::of_curve("projected-guidance", text,
                           [](Curve parallel) { return projected_guidance({.parallel = std::move(parallel)}); });
}

}  // namespace corepulse
